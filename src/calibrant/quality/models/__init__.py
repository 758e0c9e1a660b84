"""What does each item ask for, and what can each subject do? Item response models on one ability.

Fitted by marginal maximum likelihood (Bock & Aitkin 1981): abilities are drawn from a normal
population and integrated out on a uniform grid, on which the trapezoid rule converges faster than
any power of its spacing once that is below the narrowest posterior.
"""
