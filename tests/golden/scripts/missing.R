# Pooling over imputations, and imputation by chained equations, on the seeded attendance data.
# Run from tests/golden: Rscript scripts/missing.R
suppressPackageStartupMessages({library(mice); library(jsonlite)})
d <- read.csv("data/attendance.csv", stringsAsFactors = TRUE)
row <- seq_len(nrow(d))
v <- d[, c("attended", "age", "deprivation", "ethnic5", "female", "trust")]
# Missing by rules on what is seen, so that any language can make the same holes.
v$trust[(row %% 4 == 0 & v$age > 40) | row %% 11 == 0] <- NA
v$deprivation[row %% 7 == 3] <- NA
v$female[row %% 6 == 1] <- NA
v$female <- factor(v$female)

scalar <- function(Q, U, n, k) {
  p <- pool.scalar(Q, U, n = n, k = k)
  list(Q = Q, U = U, dfcom = if (is.finite(n)) n - k else NULL, value = p$qbar, within = p$ubar, between = p$b,
       total = p$t, df = p$df, increase = p$r, fmi = p$fmi)
}
scalars <- list(
  large = scalar(c(1.1, 1.3, 0.9, 1.2, 1.0), c(.04, .05, .045, .04, .05), Inf, 1),
  small = scalar(c(1.1, 1.3, 0.9, 1.2, 1.0), c(.04, .05, .045, .04, .05), 30, 4),
  nothing = scalar(c(2, 2, 2), c(.1, .1, .1), 50, 2),
  mostly = scalar(c(-1, 0, 1, 3), c(.01, .02, .01, .03), 12, 1))

made <- mice(v, m = 40, maxit = 10, seed = 20240501, printFlag = FALSE)
fit <- with(made, lm(trust ~ attended + age + deprivation + ethnic5 + female))
pooled <- pool(fit)$pooled
each <- lapply(fit$analyses, function(a) list(b = unname(coef(a)), v = unname(diag(vcov(a)))))
out <- list(
  meta = list(R = R.version.string, mice = as.character(packageVersion("mice")), data = "attendance.csv"),
  pool_scalar = scalars, methods = as.list(made$method), terms = as.character(pooled$term),
  each = each, dfcom = pooled$dfcom[1],
  pool = list(value = pooled$estimate, within = pooled$ubar, between = pooled$b, total = pooled$t, df = pooled$df,
              increase = pooled$riv, fmi = pooled$fmi),
  shares = list(female = mean(sapply(complete(made, "all"), function(z) mean(z$female == 1))),
                trust = mean(sapply(complete(made, "all"), function(z) mean(z$trust)))))
write_json(out, "fixtures/missing.json", digits = 15, auto_unbox = TRUE, pretty = TRUE, null = "null")
