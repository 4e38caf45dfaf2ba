"""An address as a QR code, for posters and cards."""

import io

import segno

#: Pixels to a module in the PNG: sharp on paper at five centimetres.
PNG_SCALE = 16
#: Light modules around the code, which scanners need.
QUIET = 4


def svg(address: str) -> str:
    """The code as an SVG document without a size of its own: black on white, whatever is behind it."""
    out = io.BytesIO()
    _code(address).save(out, kind="svg", border=QUIET, light="#fff", omitsize=True, xmldecl=False, svgclass=None)
    return out.getvalue().decode().strip()


def png(address: str) -> bytes:
    """The code as a PNG."""
    out = io.BytesIO()
    _code(address).save(out, kind="png", border=QUIET, scale=PNG_SCALE)
    return out.getvalue()


def _code(address: str) -> segno.QRCode:
    # Level M still reads with a seventh of the code hidden.
    return segno.make_qr(address, error="m")
