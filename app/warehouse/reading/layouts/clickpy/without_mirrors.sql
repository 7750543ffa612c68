-- What counts as a download without mirrors: an installer that is known ('' is NULL here) and none of the mirrors.
installer NOT IN ('', 'bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi')
