"""A one page PDF 1.4 of text lines, written by hand so that the same lines always give the same bytes.

https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/pdfreference1.4.pdf
"""

from __future__ import annotations

from collections.abc import Sequence

LINE_HEIGHT = 16
LEFT, TOP = 56, 786
"""Points on an A4 page of 595 × 842."""


def _escape(line: str) -> bytes:
    # The standard fonts are read with WinAnsiEncoding, which is Windows-1252.
    raw = line.encode("cp1252", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _page(title: str, lines: Sequence[str]) -> bytes:
    parts = [b"BT", b"/F2 14 Tf", b"%d TL" % LINE_HEIGHT, b"%d %d Td" % (LEFT, TOP)]
    parts += [b"(" + _escape(title) + b") Tj", b"T*", b"/F1 10 Tf"]
    for line in lines:
        parts += [b"T*", b"(" + _escape(line) + b") Tj"]
    return b"\n".join([*parts, b"ET"])


def write(title: str, lines: Sequence[str]) -> bytes:
    """The bytes of the file."""
    content = _page(title, lines)
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        font % b"Helvetica",
        font % b"Helvetica-Bold",
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
