"""What a browser may do with a page: load what is served from here, and nothing else."""

NOBODY = "'none'"
ANYBODY = "*"


def security_headers(*, framed: bool = False, data_images: bool = False) -> tuple[tuple[str, str], ...]:
    """The headers of a page; `framed`: other sites may show it in an <iframe>."""
    policy = {
        "default-src": NOBODY,
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:" if data_images else "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": NOBODY,
        "frame-ancestors": ANYBODY if framed else NOBODY,
    }
    headers = [
        ("Content-Security-Policy", "; ".join(f"{directive} {value}" for directive, value in policy.items())),
    ]
    if not framed:
        # For browsers that do not know frame-ancestors.
        headers.append(("X-Frame-Options", "DENY"))
    return tuple(headers)
