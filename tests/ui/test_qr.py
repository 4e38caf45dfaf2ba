"""QR codes say the address they are made of, to a reader that is not ours: as PNG, and as SVG in a browser."""

import io

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser

from ui import qr

ADDRESSES = [
    "https://jobs.acme.example/l/k7m2xq9",
    "http://localhost:8501/l/k7m2xq9",
    "https://xn--grn-hoa.example/r/7Q2M9KX4TB",
    f"https://{'careers.' * 6}acme.example:8443/l/zzzzzzzzzz",
]


def read(picture: bytes) -> list[str]:
    """What a scanner sees in a picture."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return [found.text for found in zxingcpp.read_barcodes(image) if found.format == zxingcpp.BarcodeFormat.QRCode]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_png_says_the_address(address: str):
    assert read(qr.png(address)) == [address]


def test_the_png_is_read_where_part_of_it_is_torn_off():
    address = ADDRESSES[0]
    image = Image.open(io.BytesIO(qr.png(address))).convert("RGB")
    # The corner without a finder pattern: a quarter of the width and height, quiet margin included.
    image.paste((255, 255, 255), (image.width * 3 // 4, image.height * 3 // 4, image.width, image.height))
    torn = io.BytesIO()
    image.save(torn, "PNG")
    assert read(torn.getvalue()) == [address]


def test_the_svg_says_the_address_whatever_is_behind_it(browser: Browser):
    page = browser.new_page(viewport={"width": 300, "height": 300})
    page.set_default_timeout(60_000)
    try:
        for address, behind in zip(ADDRESSES, ("#000", "#fff", "#2f7fd6", "#111"), strict=True):
            page.set_content(f'<body style="margin:0;background:{behind}">{qr.svg(address)}</body>')
            assert read(page.screenshot()) == [address]
    finally:
        page.close()
