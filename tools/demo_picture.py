"""The demo's picture: what the network saw and what it answered."""

from PIL import Image, ImageDraw, ImageFont

SIDE, BARS, GAP, COLUMNS = 224, 300, 28, 2  # pixels of a photograph, of the bars beside it, between cells
HEAD, FOOT = 92, 56
PAPER, INK, SOFT, TRACK, FIRST, OTHER = "#fbfaf7", "#22242a", "#7b7f88", "#e9e6df", "#d1622b", "#9aa7b5"
CREDITS = "Photographs: scikit-image; scikit-learn (china by danielbuechele, flower by vultilion, both CC BY 2.0)"


def font(size):
    return ImageFont.load_default(size)  # comes with Pillow


def _fitting(draw, text, size, width):
    """The text, cut with dots where it is too wide."""
    if draw.textlength(text, font(size)) <= width:
        return text
    while text and draw.textlength(text + "...", font(size)) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def _answers(draw, left, top, title, best):
    draw.text((left, top - 3), _fitting(draw, title, 20, BARS), INK, font(20))
    row = (SIDE - 36) / len(best)
    for rank, (name, probability) in enumerate(best):
        y = top + 36 + rank * row
        percent = f"{100 * probability:.1f} %"
        width = draw.textlength(percent, font(14))
        draw.text((left, y), _fitting(draw, name, 14, BARS - width - 12), INK if rank == 0 else SOFT, font(14))
        draw.text((left + BARS - width, y), percent, INK if rank == 0 else SOFT, font(14))
        draw.rounded_rectangle((left, y + 20, left + BARS, y + 26), 3, TRACK)
        if probability * BARS >= 1:
            draw.rounded_rectangle((left, y + 20, left + max(6, probability * BARS), y + 26), 3, FIRST if rank == 0 else OTHER)


def contact_sheet(path, crops, answers, times, threads):
    rows = -(-len(crops) // COLUMNS)
    cell = SIDE + 20 + BARS
    width, height = COLUMNS * cell + (COLUMNS + 1) * GAP, HEAD + rows * (SIDE + GAP) + FOOT
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 22), "EfficientNet-Lite0, compiled by Burnish", INK, font(30))
    sides = ", ".join(f"{side} {median:.2f} ms" for side, (_, median) in times.items())
    draw.text((GAP, 62), f"median of one photograph on {threads} threads: {sides}", SOFT, font(15))
    for i, (crop, (title, best)) in enumerate(zip(crops, answers)):
        left = GAP + (i % COLUMNS) * (cell + GAP)
        top = HEAD + 12 + (i // COLUMNS) * (SIDE + GAP)
        sheet.paste(crop, (left, top))
        _answers(draw, left + SIDE + 20, top, title, best)
    draw.text((GAP, height - 30), CREDITS, SOFT, font(13))
    sheet.save(path)
