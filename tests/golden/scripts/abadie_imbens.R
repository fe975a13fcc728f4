# Bias-corrected matching with replacement on the seeded attendance data, by Matching::Match. Run from tests/golden/.
source("scripts/common.R")
suppressPackageStartupMessages(library(Matching))
d <- read.csv("data/attendance.csv")
d$ethnic5 <- factor(d$ethnic5, levels = c("asian", "black", "white"))
score <- unlist(fromJSON("fixtures/a_propensity.json")$linear)
z <- model.matrix(~ age + years_llr + ethnic5 + female + contact + deprivation + distance_km, d)[, -1]
rows <- list()
for (m in 1:3) for (adjusted in c(FALSE, TRUE)) for (s in c(FALSE, TRUE)) {
  fit <- Match(Y = d$trust, Tr = d$attended, X = score, Z = z, estimand = "ATT", M = m, BiasAdjust = adjusted,
               Var.calc = 1, sample = s, distance.tolerance = 0)
  rows[[length(rows) + 1]] <- list(m = m, adjusted = adjusted, variance = if (s) "sample" else "population",
                                   est = as.numeric(fit$est), se = as.numeric(fit$se))
}
put("abadie_imbens", list(rows = rows), "Matching", "data/attendance.csv",
    "score: linear predictor of a_propensity; Var.calc = 1: conditional variance from one neighbour in the own arm")
