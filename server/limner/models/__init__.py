"""Models as files: what is known of them, what is installed, how one gets here and how it is loaded.

============================  ===================================================================
``catalogue``, ``default``    models by name: card, pinned URL, licence; which one a home uses
``manifest``                  what client and server must know about a model
``download``                  weights from elsewhere, resumed and checked
``checkpoints``, ``registry`` weights from files into networks (these two and ``install`` need torch)
``install``                   a weights file becomes a model of a home
============================  ===================================================================
"""
