"""The names of the store's dimensions."""

COUNTED_ALWAYS = ("overall", "python_major", "python_minor", "system", "installer", "version", "country", "file_type")
"""Those whose columns every input has."""

COUNTED_WHERE_KNOWN = ("origin", "cpu", "libc", "distro", "implementation", "installer_version", "platform", "abi")
"""Those that an input may lack the columns of: then they are not loaded for its days."""

DIMENSIONS = (*COUNTED_ALWAYS, *COUNTED_WHERE_KNOWN)

CI = "ci"
"""Is among the dimensions of a day whose input distinguishes the origin `ci` from `installer`."""
