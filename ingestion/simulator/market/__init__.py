r"""A market: what agencies plan, spend and earn, with the truth that real data never tells.

    seed, agency number -> clients -> demand -> planned and actual spend -> response -> figures
                                                \-> incidents          figures -> revisions

Forecasts, response curves, budgets and alarms are measured on it as a sanity check, beside public
data. Seeds and parameters were fixed before any model was written, and are tuned to none; no model
reads them. What shapes the world is what the literature on media mix modelling and the platforms'
own documentation describe: geometric adstock and Hill saturation (Jin et al., "Bayesian methods
for media mix modeling with carryover and shape effects", 2017), demand with week, year, holidays
and shocks shared by a client, conversions that are reported for up to 30 days, over-dispersed
counts, orders with a long tail. `agency.py` has the entry.
"""
