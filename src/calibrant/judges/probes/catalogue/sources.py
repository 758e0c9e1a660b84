"""Which papers described the biases that the catalogue probes for?"""

from __future__ import annotations

ZHENG_L = (
    "Zheng, L. et al. (2023), Judging LLM-as-a-judge with MT-Bench and Chatbot Arena, "
    "arXiv:2306.05685"
)
WANG = "Wang, P. et al. (2023), Large language models are not fair evaluators, arXiv:2305.17926"
KOO = (
    "Koo, R. et al. (2023), Benchmarking cognitive biases in large language models as evaluators, "
    "arXiv:2309.17012"
)
CHEN = (
    "Chen, G. H. et al. (2024), Humans or LLMs as the judge? A study on judgement biases, "
    "arXiv:2402.10669"
)
RAINA = (
    "Raina, V. et al. (2024), Is LLM-as-a-judge robust? Investigating universal adversarial "
    "attacks on zero-shot LLM assessment, arXiv:2402.14016"
)
SHI = (
    "Shi, J. et al. (2024), Optimization-based prompt injection attack to LLM-as-a-judge, "
    "arXiv:2403.17710"
)
PANICKSSERY = (
    "Panickssery, A. et al. (2024), LLM evaluators recognize and favor their own generations, "
    "arXiv:2404.13076"
)
DODDAPANENI = (
    "Doddapaneni, S. et al. (2024), Finding blind spots in evaluator LLMs with interpretable "
    "checklists, arXiv:2406.13439"
)
FEUER = (
    "Feuer, B. et al. (2024), Style outweighs substance: failure modes of LLM judges in alignment "
    "benchmarking, arXiv:2409.15268"
)
YE = (
    "Ye, J. et al. (2024), Justice or prejudice? Quantifying biases in LLM-as-a-judge, "
    "arXiv:2410.02736"
)
ZHENG_X = (
    "Zheng, X. et al. (2024), Cheating automatic LLM benchmarks: null models achieve high win "
    "rates, arXiv:2410.07137"
)
LEE = (
    "Lee, D. et al. (2024), Are LLM-judges robust to expressions of uncertainty?, arXiv:2410.20774"
)
LI_S = (
    "Li, S. et al. (2025), LLMs cannot reliably judge (yet?): a comprehensive assessment on the "
    "robustness of LLM-as-a-judge, arXiv:2506.09443"
)
LI_Q = "Li, Q. et al. (2025), Evaluating scoring bias in LLM-as-a-judge, arXiv:2506.22316"
ZHAO = "Zhao, Y. et al. (2025), One token to fool LLM-as-a-judge, arXiv:2507.08794"
XU = (
    "Xu, Y. et al. (2026), Am I more pointwise or pairwise? Revealing position bias in "
    "rubric-based LLM-as-a-judge, arXiv:2602.02219"
)
