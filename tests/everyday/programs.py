"""Ordinary work that the lock must not stand in the way of: a shell command each, and what it prints when it went well.

Each runs in a folder of its own below the workspace, by the real ``shell`` tool.
"""

from dataclasses import dataclass

GIT = "git -c init.defaultBranch=main"


@dataclass(frozen=True)
class Program:
    """One of them.

    Attributes:
        name: Unique.
        command: For the shell tool.
        prints: What must be in the output; the exit status must be 0 too.
        needs: Programs it cannot do without.
        package: What brings them on Debian.
        timeout_s: How long it may take.
        once: Slow, so tried in one combination of backend and user only.
    """

    name: str
    command: str
    prints: str
    needs: tuple[str, ...] = ()
    package: str = ""
    timeout_s: float = 30.0
    once: bool = False


def python(name: str, program: str, prints: str) -> Program:
    """A program for the system's Python."""
    return Program(name, f"python3 - <<'EOF'\n{program}\nEOF", prints, ("python3",), "python3")


PROGRAMS = (
    Program("pytest", "printf 'def test_a(tmp_path):\\n    (tmp_path / \"x\").write_text(\"1\")\\n    assert 1 + 1 == 2\\n' > test_a.py; "
            "@PYTEST@ -q -p no:cacheprovider test_a.py", "1 passed"),
    Program("pytest-failing", "printf 'def test_a():\\n    assert 1 == 2\\n' > test_a.py; @PYTEST@ -q test_a.py; [ $? = 1 ] && echo told", "told"),
    Program("pytest-parallel", "printf 'import pytest\\n@pytest.mark.parametrize(\"n\", range(8))\\ndef test_a(n):\\n    assert n < 8\\n' > test_a.py; "
            "@PYTEST@ -q -n 2 test_a.py", "8 passed", once=True),
    Program("unittest", "printf 'import unittest\\nclass T(unittest.TestCase):\\n    def test_a(self): self.assertTrue(1)\\n' > test_a.py; "
            "python3 -m unittest -q 2>&1; echo status $?", "status 0", ("python3",), "python3"),
    Program("git-commit", f"{GIT} init -q . && echo a > a && git add . && git commit -qm first && echo b >> a && git diff --stat && "
            "git commit -qam second && git log --oneline | wc -l | sed s/^/commits-/", "commits-2", ("git",), "git"),
    Program("git-branches", f"{GIT} init -q . && echo a > a && git add . && git commit -qm first && git switch -qc side && echo b > b && git add b && "
            "git commit -qm second && git switch -q main && git merge -q side && git stash list && git rebase -q main side && git tag v1 && "
            "git worktree add -q ../wt-$$ main 2>&1 | tail -1; git worktree list | wc -l | sed s/^/trees-/; rm -rf ../wt-$$", "trees-2", ("git",), "git"),
    Program("git-clone", f"{GIT} init -q one && cd one && echo a > a && git add . && git commit -qm first && cd .. && git clone -q one two && "
            "cd two && echo b > b && git add . && git commit -qm second && git push -q origin HEAD:side && git fetch -q && git gc -q && echo pushed", "pushed", ("git",), "git"),
    Program("git-patch", f"{GIT} init -q . && seq 9 > a && git add . && git commit -qm first && sed -i s/5/five/ a && git diff > ../p.diff && "
            "git checkout -q a && git apply ../p.diff && patch -R -p1 < ../p.diff && git status --short && echo clean", "clean", ("git", "patch"), "git patch"),
    Program("venv", "python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'", "True", ("python3",), "python3"),
    Program("venv-with-pip", "python3 -c 'import ensurepip' 2>/dev/null || { echo 'MISSING: ensurepip (package python3-venv)'; exit 0; }; "
            "python3 -m venv v && v/bin/pip --version", "pip ", ("python3",), "python3", 60, once=True),
    Program("uv-venv", "@BIN@/uv venv -q --offline --no-config -p python3 u && u/bin/python -c 'print(6 * 7)'", "42"),
    Program("install-offline", "mkdir -p src/thing && echo 'answer = 42' > src/thing/__init__.py && "
            "printf '[project]\\nname = \"thing\"\\nversion = \"1\"\\n[build-system]\\nrequires = [\"uv_build>=0.0\"]\\nbuild-backend = \"uv_build\"\\n' > pyproject.toml && "
            "@BIN@/uv venv -q --offline --no-config -p python3 u && echo $PWD/src > $(echo u/lib/python3*/site-packages)/thing.pth && "
            "u/bin/python -c 'import thing; print(thing.answer)'", "42"),
    python("multiprocessing", "import multiprocessing as m\ndef f(n): return n * n\nif __name__ == '__main__':\n"
           "    m.set_start_method('fork')\n    with m.Pool(4) as p: print(sum(p.map(f, range(100))))", "328350"),
    python("shared-memory", "from multiprocessing import shared_memory as s, Lock, Queue\nwith Lock(): pass\nm = s.SharedMemory(create=True, size=1 << 20)\n"
           "m.buf[0] = 7\no = s.SharedMemory(m.name); print('kept', o.buf[0], flush=True); o.close(); m.close(); m.unlink(); import os; os._exit(0)", "kept 7"),
    python("process-pool", "from concurrent.futures import ProcessPoolExecutor as P\nimport math\nwith P(2) as p: print(list(p.map(math.sqrt, [4, 9])))", "[2.0, 3.0]"),
    python("threads", "import threading\nn = []\nts = [threading.Thread(target=n.append, args=(i,)) for i in range(64)]\n"
           "[t.start() for t in ts]; [t.join() for t in ts]; print(len(n))", "64"),
    python("asyncio", "import asyncio\nasync def main():\n    p = await asyncio.create_subprocess_shell('echo from-$((40 + 2))', stdout=-1)\n"
           "    print((await p.communicate())[0].decode())\nasyncio.run(main())", "from-42"),
    python("sqlite", "import sqlite3\nc = sqlite3.connect('d.db'); c.execute('pragma journal_mode=wal'); c.execute('create table t(a)')\n"
           "c.executemany('insert into t values (?)', [(i,) for i in range(1000)]); c.commit(); print(c.execute('select sum(a) from t').fetchone()[0])", "499500"),
    Program("sqlite-shell", "sqlite3 d.db 'create table t(a); insert into t values (41); update t set a = a + 1; select a from t;'", "42", ("sqlite3",), "sqlite3"),
    Program("heredoc", "cat <<'EOF' > f\none $x\n\ttwo `y`\nEOF\nwc -l < f; bash -s <<< 'echo nes''ted'", "nested"),
    Program("pipes", "seq 1000 | grep 7 | sort -rn | head -3 | tr '\\n' ' ' && echo $((${PIPESTATUS[0]} + ${PIPESTATUS[1]}))", "997 987 979"),
    Program("process-substitution", "diff <(seq 3) <(seq 3) && tee >(wc -l > n) < <(seq 5) > /dev/null; sleep 0.2; cat n", "5"),
    Program("job-control", "set -m; sleep 0.3 & sleep 0.1 & wait -n; jobs | wc -l; kill %1 2>/dev/null; wait; trap 'echo trap''ped' USR1; kill -USR1 $$; sleep 0.05", "trapped"),
    Program("signals-between-own", "sleep 60 & p=$!; kill -STOP $p; kill -CONT $p; kill $p; wait $p; echo status $?; timeout 0.2 sleep 9; echo $?", "124"),
    Program("loopback-server", "python3 -m http.server --bind 127.0.0.1 8731 >/dev/null 2>&1 & sleep 0.1; echo served > f; "
            "curl -sS --retry 20 --retry-delay 0 --retry-connrefused --retry-max-time 8 http://localhost:8731/f; kill %1", "served", ("python3", "curl"), "python3 curl"),
    python("loopback-client", "import http.server, threading, urllib.request as u\ns = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
           "threading.Thread(target=s.serve_forever, daemon=True).start()\nprint(u.urlopen(f'http://127.0.0.1:{s.server_port}/').status)", "200"),
    python("unix-socket", "import socket, os\ns = socket.socket(socket.AF_UNIX); s.bind('own.sock'); s.listen()\nif os.fork() == 0:\n"
           "    c = socket.socket(socket.AF_UNIX); c.connect('own.sock'); c.send(b'through'); os._exit(0)\nprint(s.accept()[0].recv(9).decode())", "through"),
    Program("no-network-said-quickly", "start=$SECONDS; curl -sS --max-time 20 http://192.0.2.1/ 2>&1; curl -sS --max-time 20 http://example.com/ 2>&1; "
            "echo; [ $((SECONDS - start)) -lt 5 ] && echo quick", "quick", ("curl",), "curl"),
    Program("compile", "printf '#include <stdio.h>\\n#include <pthread.h>\\nint main(void) { puts(\"compiled\"); return 0; }\\n' > a.c && cc -O2 -pthread -o a a.c && ./a",
            "compiled", ("cc",), "build-essential"),
    Program("make", "printf 'all: a.o b.o\\n\\t@echo both made\\n%%.o:\\n\\t@touch $@\\n' > Makefile && make -sj4", "both made", ("make",), "make"),
    Program("node", "node -e 'const fs = require(\"fs\"); fs.writeFileSync(\"x\", \"1\"); setTimeout(() => console.log(\"node\", 6 * 7), 10)'", "node 42", ("node",), "nodejs"),
    Program("node-workers", "node -e 'const { Worker } = require(\"worker_threads\"); new Worker(\"require(`worker_threads`).parentPort.postMessage(42)\", "
            "{ eval: true }).on(\"message\", (m) => console.log(\"said\", m))'", "said 42", ("node",), "nodejs"),
    Program("node-server", "node -e 'const h = require(\"http\"); const s = h.createServer((q, r) => r.end(\"hi\")).listen(0, () => "
            "h.get({ port: s.address().port }, (r) => { console.log(r.statusCode); s.close(); }))'", "200", ("node",), "nodejs"),
    Program("npm-init", "npm init -y --offline >/dev/null && echo 'console.log(\"run \" + 42)' > i.js && npm pkg set scripts.go='node i.js' && npm run -s go", "run 42", ("npm",), "npm", 60),
    Program("cargo", "cargo new -q --vcs none hello --offline && cd hello && cargo run -q --offline", "Hello, world!", ("cargo",), "cargo", 90),
    Program("rustc", "echo 'fn main() { println!(\"rust {}\", 6 * 7); }' > a.rs && rustc a.rs && ./a", "rust 42", ("rustc",), "rustc", 60),
    Program("go", "printf 'package main\\nimport \"fmt\"\\nfunc main() { fmt.Println(\"go\", 6*7) }\\n' > a.go && go run a.go", "go 42", ("go",), "golang-go", 90),
    Program("java", "printf 'public class A { public static void main(String[] a) { System.out.println(\"java \" + 6 * 7); } }' > A.java && java A.java", "java 42", ("java", "javac"), "default-jdk", 60),
    Program("perl", "perl -MFile::Temp=tempfile -e 'my ($f, $n) = tempfile(); print $f \"x\"; close $f; print -s $n, \" perl\\n\"'", "1 perl", ("perl",), "perl"),
    Program("tar-and-gzip", "mkdir d && seq 100 > d/a && ln -s a d/l && chmod 750 d/a && tar czf d.tgz d && rm -r d && tar xzpf d.tgz && stat -c %a d/a && readlink d/l && gzip -k d/a && zcat d/a.gz | tail -1", "750\na\n100"),
    Program("zip", "seq 9 > a && zip -q a.zip a && rm a && unzip -q a.zip && cat a | wc -l", "9", ("zip", "unzip"), "zip unzip"),
    Program("sed-in-place", "seq 3 > a && sed -i 's/2/two/' a && perl -pi -e 's/3/three/' a && cat a", "two\nthree", ("perl",), "perl"),
    Program("find-and-xargs", "mkdir -p a/b && touch a/1 'a/b/2 x' && find . -type f -exec chmod 600 {} + && find . -type f -print0 | xargs -0 -P 4 -n 1 basename | sort | tr '\\n' ';'", "1;2 x;"),
    Program("temporary-files", "f=$(mktemp) && d=$(mktemp -d) && echo x > $f && mv $f $d/y && cat $d/y && echo z > /tmp/own && cat /tmp/own /var/tmp/own && rm -r $d", "x\nz"),
    Program("home", 'mkdir -p ~/.cache/t && echo kept > ~/.cache/t/x && cat ~/.cache/t/x && [ -w "$HOME" ]', "kept"),
    Program("flock", "flock l -c 'echo held' && flock -n l true && echo again", "again", ("flock",), "util-linux"),
    Program("keys-and-hashes", "ssh-keygen -q -t ed25519 -N '' -f k -C c && ssh-keygen -lf k.pub | grep -c ED25519 && openssl rand -hex 4 | wc -c && "
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout p -out c -days 1 -subj /CN=localhost 2>/dev/null && openssl x509 -in c -noout -subject", "CN", ("ssh-keygen", "openssl"), "openssh-client openssl"),
    Program("modes-and-owners", "touch a && chmod 640 a && chown $(id -u):$(id -g) a && umask 077 && touch b && stat -c %a a b && touch -d 2020-01-01 a && date -r a +%Y", "640\n600\n2020"),
    Program("links-and-pipes", "echo x > a && ln a h && ln -s a s && cat h s && mkfifo p && (echo through > p &) && cat p", "through"),
    python("moves-across-folders", "import os\nfor name in ('a', 'b/c'): os.makedirs(name)\nfor name in ('a/x', 'a/y', 'a/z'): open(name, 'w').close()\n"
           "os.rename('a/x', 'b/c/x'); os.link('a/y', 'b/c/y'); os.replace('a/z', 'b/c/y'); os.rename('a', 'b/a'); print(sorted(os.listdir('b/c')))", "['x', 'y']"),
    Program("copy-with-everything", "mkdir d && echo x > d/a && chmod 755 d/a && touch -d 2021-01-01 d/a && cp -a d e && stat -c %a e/a && install -m 700 d/a i && mv e f && rsync --version >/dev/null 2>&1; rm -rf d f && ls", "755\ni"),
    Program("names", "touch -- 'ä ö' \"it's\" $'new\\nline' '-x' '日本' '*' && ls -1b && rm -- -x '*' && LC_ALL=C.UTF-8 python3 -c 'import os; print(sorted(os.listdir())[-1])'", "日本", ("python3",), "python3"),
    Program("locale-and-date", "date -u -d @0 +%F && TZ=Europe/Berlin date -d @0 +%H && locale 2>/dev/null | grep -c LC_ && printf '%s' ä | wc -m", "1970-01-01"),
    Program("large-file", "head -c 100000000 /dev/zero > big && stat -c %s big && sha256sum big | cut -c 1-8 && rm big", "100000000"),
    Program("many-files", "mkdir m && cd m && seq 5000 | xargs touch && ls | wc -l && cd .. && rm -rf m", "5000"),
    python("terminal", "import pty, os\npid, m = pty.fork()\nif pid == 0:\n    os.execlp('sh', 'sh', '-c', 'tty >/dev/null && stty size && echo ter''minal')\n"
           "text = b''\ntry:\n    while piece := os.read(m, 999): text += piece\nexcept OSError: pass\nprint(text.decode())", "terminal"),
    Program("script", "script -qec 'tty >/dev/null && echo on-a-terminal' /dev/null", "on-a-terminal", ("script",), "bsdutils"),
    Program("own-processes", "ps aux 2>/dev/null | wc -l; pgrep -f nothing-like-it; cat /proc/self/status | grep -c Name; nproc; df . >/dev/null; free >/dev/null; id -un; echo seen", "seen"),
    Program("who-am-i", "python3 -c 'import getpass, os, pwd; print(getpass.getuser() == pwd.getpwuid(os.getuid()).pw_name)'", "True", ("python3",), "python3"),
    Program("debugger", "printf 'import pdb\\nx = 42\\npdb.set_trace()\\n' > a.py && printf 'p x\\nc\\n' | python3 a.py", "42", ("python3",), "python3"),
    Program("ripgrep", "echo needle > f && rg -n needle", "needle", ("rg",), "ripgrep"),
    Program("background-within", "(sleep 0.1; echo late > f) & wait; cat f", "late"),
    Program("devices", "head -c 4 /dev/urandom | wc -c && echo x > /dev/null && head -c 2 /dev/zero | xxd -p && echo err > /dev/stderr && cat < /dev/stdin && ls /dev/fd >/dev/null && echo all", "all", ("xxd",), "xxd"),
)  # fmt: skip
BY_NAME = {program.name: program for program in PROGRAMS}
