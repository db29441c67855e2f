"""Training detectors on stored embeddings: nothing is encoded and no image decoded.

``examples``  what is learned from
``targets``   which cell is to say what
``losses``    how far it is from that
``training``  the run: steps, checkpoints, an orderly stop
``judging``   AP, AR and recall on images that were not learned from
``recipe``    a detector of no project, from photos with masks, as a file says
``writing``   the detector as a folder with weights, graph and card
"""
