"""Runs other people's Flower apps, unchanged, as a job that follows an assignment file.

Only the Grid and the loop over rounds are ours; ServerApp, strategy, ClientApp, model and state stay the app's. It must
not know the bundled models.
"""
