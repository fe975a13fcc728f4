# Reliability of a scale by psych, on five-point items made from the seeded attendance data by a rule.
# Run from tests/golden: Rscript scripts/scales.R
suppressPackageStartupMessages({library(psych); library(jsonlite)})
d <- read.csv("data/attendance.csv")
row <- seq_len(nrow(d))
cut5 <- function(z) findInterval(z, c(1.6, 2.2, 2.8, 3.4)) + 1
items <- data.frame(a = cut5(d$trust + 0.9 * sin(row)), b = cut5(d$trust + 1.1 * sin(2.3 * row)),
                    c = cut5(0.8 * d$trust + 0.5 + 1.3 * sin(3.7 * row)), d = cut5(d$trust + 1.5 * cos(1.1 * row)))
al <- psych::alpha(items, check.keys = FALSE)
f <- psych::fa(items, nfactors = 1, fm = "minres", rotate = "none", min.err = 1e-12)
l <- as.numeric(f$loadings)
out <- list(meta = list(R = R.version.string, psych = as.character(packageVersion("psych")), data = "attendance.csv"),
            means = as.list(colMeans(items)), alpha = al$total$raw_alpha, item_rest = as.list(setNames(al$item.stats$r.drop, names(items))),
            feldt = as.numeric(alpha.ci(al$total$raw_alpha, n.obs = nrow(items), n.var = 4)[c("lower.ci", "upper.ci")]),
            loadings = l, omega = sum(l)^2 / (sum(l)^2 + sum(1 - l^2)))
write_json(out, "fixtures/scales.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
