"""Who is asked before what cannot be taken back: what a call needs, what was agreed to before, what a person says."""
