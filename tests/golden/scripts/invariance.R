# lavaan's ordinal one-factor model of six statements in two groups, Wu and Estabrook's steps, with scaled difference
# tests. Numbers for tests/statistics/test_invariance.py. Run from tests/golden: Rscript scripts/invariance.R
suppressPackageStartupMessages(library(lavaan))
set.seed(20260704)
items <- paste0("s", 1:6)
make <- function(n, mean, sd, shift, group) {
  f <- rnorm(n, mean, sd)
  load <- c(.80, .75, .70, .65, .60, .78)
  cuts <- rbind(c(-1.2, -.4, .3, 1.2), c(-1.1, -.35, .35, 1.35), c(-1, -.2, .5, 1.4),
                c(-1.3, -.5, .2, 1), c(-.9, -.3, .4, 1.1), c(-1.1, -.4, .4, 1.2))
  y <- sapply(1:6, function(j) findInterval(shift[j] + load[j] * f + rnorm(n, 0, sqrt(1 - load[j]^2)), cuts[j, ]) + 1)
  data.frame(group = group, setNames(as.data.frame(y), items))
}
d <- rbind(make(420, 0, 1, rep(0, 6), "a"), make(360, -.3, 1.1, c(0, -.4, 0, 0, .25, 0), "b"))
write.csv(d, "data/invariance.csv", row.names = FALSE)
lines <- function(loading, threshold, intercept, scale, free = NULL) {
  out <- c()
  for (s in items) {
    i <- if (s %in% free) "c(0, NA)" else intercept
    out <- c(out, sprintf("%s ~ %s*1", s, i), sprintf("%s ~*~ %s*%s", s, scale, s))
    for (k in 1:4) out <- c(out, sprintf("%s | %s*t%d", s, if (threshold) sprintf("c(%s_t%d, %s_t%d)", s, k, s, k) else "c(NA, NA)", k))
    out <- c(out, sprintf("f =~ %s*%s", if (loading) sprintf("c(l_%s, l_%s)", s, s) else "c(NA, NA)", s))
  }
  out
}
steps <- list(
  configural = c(lines(FALSE, FALSE, "c(0, 0)", "c(1, 1)"), "f ~~ c(1, 1)*f", "f ~ c(0, 0)*1"),
  thresholds = c(lines(FALSE, TRUE, "c(0, NA)", "c(1, NA)"), "f ~~ c(1, 1)*f", "f ~ c(0, 0)*1"),
  loadings = c(lines(TRUE, TRUE, "c(0, NA)", "c(1, NA)"), "f ~~ c(1, NA)*f", "f ~ c(0, 0)*1"),
  intercepts = c(lines(TRUE, TRUE, "c(0, 0)", "c(1, NA)"), "f ~~ c(1, NA)*f", "f ~ c(0, NA)*1"),
  freed = c(lines(TRUE, TRUE, "c(0, 0)", "c(1, NA)", c("s2", "s5")), "f ~~ c(1, NA)*f", "f ~ c(0, NA)*1"))
fits <- lapply(steps, function(m) lavaan(paste(m, collapse = "\n"), d, group = "group", ordered = items,
                                         estimator = "WLSMV", parameterization = "delta"))
num <- function(x) if (length(x) == 1) formatC(x, digits = 17, format = "g") else
  paste0("[", paste(formatC(as.numeric(x), digits = 17, format = "g"), collapse = ", "), "]")
one <- function(f) {
  p <- parTable(f); g <- function(op, grp, lhs = NULL) {
    r <- p[p$op == op & p$group == grp & (if (is.null(lhs)) TRUE else p$lhs %in% lhs), ]
    r$est[order(r$lhs, r$rhs)] }
  m <- fitMeasures(f)
  parts <- c(loadings = "=~", thresholds = "|")
  sprintf('{"chisq": %s, "df": %s, "scaled": %s, "p_scaled": %s, "loadings": [%s, %s], "thresholds": [%s, %s], "mean": %s, "variance": %s, "intercepts": %s, "scales": %s}',
    num(m["chisq"]), num(m["df"]), num(m["chisq.scaled"]), num(m["pvalue.scaled"]),
    num(g("=~", 1)), num(g("=~", 2)), num(g("|", 1)), num(g("|", 2)),
    num(g("~1", 2, "f")), num(g("~~", 2, "f")), num(g("~1", 2, items)), num(g("~*~", 2)))
}
test <- function(h1, h0) {
  t <- lavTestLRT(fits[[h1]], fits[[h0]], method = "satorra.2000", A.method = "delta", scaled.shifted = TRUE)
  sprintf('{"chisq": %s, "df": %s, "p": %s}', num(t[2, "Chisq diff"]), num(t[2, "Df diff"]), num(t[2, "Pr(>Chisq)"]))
}
pairs <- list(c("configural", "thresholds"), c("thresholds", "loadings"), c("loadings", "intercepts"),
              c("configural", "intercepts"), c("loadings", "freed"), c("freed", "intercepts"))
cat(sprintf('{"versions": "R %s, lavaan %s", "fits": {%s}, "tests": {%s}}\n', getRversion(), packageVersion("lavaan"),
  paste(sprintf('"%s": %s', names(fits), sapply(fits, one)), collapse = ",\n"),
  paste(sapply(pairs, function(x) sprintf('"%s, %s": %s', x[1], x[2], test(x[1], x[2]))), collapse = ",\n")),
  file = "fixtures/invariance.json")
