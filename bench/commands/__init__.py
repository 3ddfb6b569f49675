"""Commands of `reprune`, one file each, named like the command and holding a function of that name.

A file reads the options and hands over to the module that does the work, which it imports when it is called, so that
help is instant. Its docstring is the help; what stands there under ``Examples:`` is tried by a test.
`bench.commands.cli` lists the commands.
"""
