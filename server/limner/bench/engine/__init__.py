"""The scripted annotator: what annotating costs by hand, prefilled and verified, before and after learning.

``cost``       seconds of what a person does
``annotator``  a person who draws and verifies, on photos whose masks are known
``domains``    the photos: what is learned from, and what is measured on
``learning``   a round: the product's detector and fine-tuning, on what was collected
``running``    all of it, domain by domain, kept as it comes
``figures``    what it amounts to, and the table
"""
