"""Proxies in front: which ``X-Forwarded-*`` headers are believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ONE_FOR_ALL = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


def behind_proxies(app: WSGIApplication, hops: int) -> WSGIApplication:
    """The application behind so many proxies.

    Each proxy adds an address to ``X-Forwarded-For``, so the one that counts is the ``hops``-th from the right. Scheme
    and host are set by the first proxy and handed on by the others as they are: the leftmost of up to ``hops`` counts.
    """
    fixed = ProxyFix(app, x_for=hops, x_proto=hops, x_host=hops)

    def handed_on(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in ONE_FOR_ALL:
            values = [value.strip() for value in environ.get(name, "").split(",") if value.strip()]
            if values:
                environ[name] = ", ".join([values[0]] * (hops - len(values)) + values)
        return fixed(environ, start_response)

    return handed_on
