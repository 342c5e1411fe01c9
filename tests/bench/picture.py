"""A picture of docs/: matplotlib's, with the colours of a dark page where the reader's is dark."""

import io

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "quadrille"})

# matplotlib writes a colour into each element; what has none, as most text, takes that of the
# picture.
DARK = """
@media (prefers-color-scheme: dark) {
svg { fill: #e6edf3 }
path[style*="fill: #ffffff"] { fill: #0d1117 !important }
[style*="stroke: #ffffff"] { stroke: #0d1117 !important }
[style*="stroke: #000000"] { stroke: #9da7b1 !important }
}
"""


def with_dark_mode(svg):
    return svg.replace("</style>", DARK + "</style>", 1)


def save(figure, path, **options):
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None}, **options)
    with open(path, "w") as file:
        file.write(with_dark_mode(svg.getvalue()))
