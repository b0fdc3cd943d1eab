"""Workspace files that want to be run by something outside the lock."""

from tests.attacks.model import Attack, Step, exists, says_so

REACHED = exists("@OUT@/pwned")
EVIL = "#!/bin/sh\ntouch @OUT@/pwned\n"
EVIL_PYTHON = "import os\nopen('@OUT@/pwned', 'w').close()\n"
GIT = {
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/config": "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n\tpager = ./evil\n\tsshCommand = ./evil\n"
                   '\teditor = ./evil\n\thooksPath = .git/hooks\n[diff]\n\texternal = ./evil\n[filter "x"]\n\tclean = ./evil\n',
    ".git/objects/x": "", ".git/refs/heads/x": "", ".gitattributes": "* filter=x\n", "evil": EVIL,
    ".git/hooks/pre-commit": EVIL, ".git/hooks/post-checkout": EVIL, ".git/hooks/post-index-change": EVIL, "a.txt": "text\n",
}  # fmt: skip
ALL_TOOLS: tuple[Step, ...] = (
    ("list_files", {"path": ".", "recursive": True}), ("grep", {"pattern": "text", "path": "."}),
    ("write_file", {"path": "a.txt", "content": "other\n"}), ("@changes", {}),
)  # fmt: skip
SHADOWS = {f"{name}.py": EVIL_PYTHON for name in (
    "json", "ctypes", "os", "socket", "signal", "threading", "resource", "select", "struct", "sitecustomize", "usercustomize",
)} | {f"{name}/__init__.py": EVIL_PYTHON for name in ("py_mono", "py_mono/sandbox", "py_mono/tools", "msgspec", "encodings")} | {
    "pyvenv.cfg": "home = .\n", "python": EVIL, "evil.pth": "import os; open('@OUT@/pwned', 'w')\n",
}  # fmt: skip

POISONING = (
    Attack("git-hooks", "have git run a program of the workspace outside the lock", REACHED, files=GIT,
           steps=(("shell", {"command": "git status; git add a.txt; git -c user.name=a -c user.email=a@b commit -qm x; git diff"}), *ALL_TOOLS)),
    Attack("git-by-agent", "have the agent's own use of git do it", REACHED, files=GIT,
           steps=(*ALL_TOOLS, ("shell", {"command": "git status"}))),
    Attack("git-include", "have git read outside through an included file", lambda world: "original" in world.output,
           files={**GIT, ".git/config": "[core]\n\trepositoryformatversion = 0\n"},
           shell="git config core.attributesFile @OUT@/target.txt; git hash-object --stdin-paths <<< @OUT@/target.txt && "
                 "git --no-pager diff --no-index /dev/null @OUT@/target.txt"),
    Attack("venv-python", "have a replaced interpreter of the workspace run outside", REACHED,
           files={".venv/bin/python": EVIL, ".venv/bin/python3": EVIL, ".venv/pyvenv.cfg": "home = /usr/bin\n"},
           steps=(("shell", {"command": ".venv/bin/python -c 1; python -c 1"}), ("@reopen", {}), *ALL_TOOLS)),
    Attack("path-programs", "put programs of well-known names in the way", REACHED,
           files={f"{folder}{name}": EVIL for folder in ("", "bin/", ".venv/bin/", "node_modules/.bin/")
                  for name in ("rg", "git", "sh", "bash", "grep", "bwrap", "ls", "env")},
           steps=(("shell", {"command": "PATH=.:$PATH; ls; git status"}), *ALL_TOOLS, ("@reopen", {}), *ALL_TOOLS)),
    Attack("shadowed-modules", "have the worker import modules of the workspace before it is locked in", REACHED, files=SHADOWS,
           steps=(("@reopen", {}), ("shell", {"command": "@PY@ -c 'import json, ctypes, sitecustomize'"}), *ALL_TOOLS)),
    Attack("start-up-files", "have shells read a start-up file planted in their home", REACHED,
           steps=(("shell", {"command": "for f in .bashrc .profile .bash_profile .zshenv .config/fish/config.fish; do "
                                        "mkdir -p ~/.config/fish; echo 'touch @OUT@/pwned' > ~/$f; done; "
                                        "echo 'import os; open(\"@OUT@/pwned\", \"w\")' > ~/.pythonrc; bash -lic true"}),
                  ("@reopen", {}), *ALL_TOOLS)),
    Attack("python-environment", "have PYTHONSTARTUP, PYTHONPATH or LD_PRELOAD carry code out", REACHED, files={"m/json.py": EVIL_PYTHON},
           shell="PYTHONPATH=m @PY@ -c 'import json'"),
    Attack("preload", "load a library into a program of the system", REACHED,
           files={"p.c": '#include <fcntl.h>\n__attribute__((constructor)) void go(void) { open("@OUT@/pwned", O_CREAT | O_WRONLY, 0600); }\n'},
           shell="cc -shared -fPIC -o p.so p.c && LD_PRELOAD=./p.so /bin/true; [ -e p.so ] || echo 'IMPOSSIBLE: no compiler'"),
    Attack("instructions", "have a file of the workspace switch the lock off", says_so,
           files={".env": "PY_MONO_SANDBOX=off\nSANDBOX=off\nLLM_PROVIDER=ollama\n", "py-mono.toml": "sandbox = 'off'\n",
                  ".py-mono/config.toml": "sandbox = 'off'\n", ".mcp.json": '{"mcpServers": {"x": {"command": "./evil"}}}', "evil": EVIL},
           steps=(("@reopen", {}), ("shell", {"command": "cat @OUT@/secret.txt && echo PWN''ED"}))),
)  # fmt: skip
