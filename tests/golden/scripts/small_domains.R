# metafor's Fay-Herriot model by REML on seeded small-group means: variance between groups, means, pooled values, errors.
# Numbers for tests/statistics/test_small_domains.py. Run from tests/golden: Rscript scripts/small_domains.R
suppressPackageStartupMessages(library(metafor))
set.seed(20260705)
num <- function(x) paste0("[", paste(formatC(as.numeric(x), digits = 17, format = "g"), collapse = ", "), "]")
one <- function(spread, m) {
  family <- rep(c("age", "area", "heritage"), times = m)
  v <- runif(length(family), .02, .12)
  y <- c(age = 3, area = 3.1, heritage = 2.9)[family] + rnorm(length(family), 0, spread) + rnorm(length(family), 0, sqrt(v))
  f <- rma(yi = y, vi = v, mods = ~ 0 + family, method = "REML", control = list(threshold = 1e-14, maxiter = 10000, stepadj = .5))
  b <- blup(f)
  sprintf('{"family": [%s], "y": %s, "v": %s, "tau2": %s, "beta": %s, "pooled": %s, "se": %s}',
    paste0('"', family, '"', collapse = ", "), num(y), num(v), num(f$tau2), num(f$beta), num(b$pred), num(b$se))
}
cat(sprintf('{"versions": "R %s, metafor %s", "cases": [%s]}\n', getRversion(), packageVersion("metafor"),
  paste(one(.4, c(5, 2, 3)), one(.2, c(6, 3, 4)), one(.3, c(5, 3, 3)), one(0, c(5, 2, 3)), sep = ",\n")), file = "fixtures/small_domains.json")
