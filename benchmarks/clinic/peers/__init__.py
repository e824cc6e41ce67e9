"""The peers: what other tools say about the clinic's runs, side by side with netvet.

    python -m benchmarks.clinic.peers              trains the runs with the packages hooked in, and keeps their words
    python -m benchmarks.clinic.peers --map        prints which of netvet's names each of their words counts for
    python -m benchmarks.clinic.peers --table      how often each named the planted cause

Five packages from PyPI (torchmortem, gradsnitch, traintools, training-doctor, trainspotter) watch the very training
that netvet watches, all in one go; they live in an environment of their own (`benchmarks/peers_environment.sh`). Two
more are ports of ours, so labelled, of published rules: AutoTrainer's and SageMaker Debugger's; these read netvet's
kept traces.

`words` is what a tool said and where it is kept, `hooked` and `logged` hold the packages' adapters, `training` trains
with them, `autotrainer` and `sagemaker` are the ports, `meaning` is the map and the answers.
"""
