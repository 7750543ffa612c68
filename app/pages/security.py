"""Security headers of the pages: a browser may load resources from this server only."""

NONE = "'none'"


def security_headers(*, framed: bool = False, data_images: bool = False) -> tuple[tuple[str, str], ...]:
    """Names and values. Other sites may show `framed` pages in an <iframe>; `data_images` permits data: URLs."""
    policy = {
        "default-src": NONE,
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:" if data_images else "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": NONE,
        "frame-ancestors": "*" if framed else NONE,
    }
    headers = [
        ("Content-Security-Policy", "; ".join(f"{directive} {value}" for directive, value in policy.items())),
    ]
    if framed:
        # Pages that are isolated (require-corp) show only frames that are, too.
        headers.append(("Cross-Origin-Embedder-Policy", "require-corp"))
    else:
        # For browsers without frame-ancestors.
        headers.append(("X-Frame-Options", "DENY"))
    return tuple(headers)
