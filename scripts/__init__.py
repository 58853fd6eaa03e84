"""The commands of the project, one file each."""

if __name__ == "scripts":  # would load a second copy
    raise ImportError("this package is cpu_gpu_env.scripts; import it by that name")
