"""What a run found, as figures for a paper and as one self-contained page.

Everything here is made from results.json, so that a page can be made again without the run.
"""
