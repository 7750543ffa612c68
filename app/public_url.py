"""The URL at which clients reach the server, which a proxy may serve below a path."""

from typing import Any, NamedTuple

OWN_SEGMENTS = ("api", "docs", "embed", "explore", "health", "metrics", "packages", "static")
"""First segments of the server's own paths. PUBLIC_URL's path begins with none of them: the two would be ambiguous."""

PUBLIC_URL_PATTERN = (
    r"^(https?://[A-Za-z0-9._-]+(:[0-9]+)?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]+)?)?"
    rf"(?!/({'|'.join(OWN_SEGMENTS)})(/|\Z))(/[A-Za-z0-9._~-]+)*/?\Z"
)
PUBLIC_URL_ACCEPTED = (
    "http:// or https:// and a host, with or without a path, or a path alone such as /pypistats; "
    f"the path must not begin with one of the server's own, {', '.join(OWN_SEGMENTS)}"
)


class PublicUrl(NamedTuple):
    """`origin` is scheme and host, as in `https://example.com`, or empty: that of each request. `root` is the path in
    front of all of the server's own, as in `/pypistats`, or empty."""

    origin: str = ""
    root: str = ""

    @classmethod
    def parse(cls, text: str) -> "PublicUrl":
        """The parts of a text that PUBLIC_URL_PATTERN accepts."""
        scheme, separator, rest = text.rpartition("://")
        host, slash, path = rest.partition("/")
        return cls(scheme + separator + host, f"{slash}{path}".rstrip("/"))

    def without_root(self, scope: Any) -> Any:
        """An ASGI scope whose paths lack the root, whether the proxy has removed it or not."""
        raw_root = self.root.encode()
        raw_path = scope["raw_path"]
        if raw_path != raw_root and not raw_path.startswith((raw_root + b"/", raw_root + b"?")):
            return scope
        path = scope["path"][len(self.root) :] or "/"
        return {**scope, "path": path, "raw_path": raw_path[len(raw_root) :] or b"/"}


ANY_HOST = PublicUrl()
"""The root of the host of each request."""
