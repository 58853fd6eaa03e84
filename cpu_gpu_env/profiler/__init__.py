"""Measuring a machine into a profile, and how well the profile predicts it.

`kernels` says what runs, `special_kernels` what does in other precisions or in serial steps, and
`samples` how it is counted; `timing` how it is timed, `fit` how the cost model's parameters follow
and `fitted_range` what they were fitted to, `devices` what there is to measure, `power` what it
draws; `machine` puts them together into a profile. `validation` and `published` compare predicted
with measured times.
"""
