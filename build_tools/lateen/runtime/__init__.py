"""Running a mesh: instances of its pods, real Envoys beside them, and a control plane that serves those.

What a run consists of (`plan`), how it is supervised and where its files are stand here; how instances become
processes of this machine stands in `process`.
"""
