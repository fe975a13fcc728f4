# R's survey on the project's raked sample: stratified, clustered, with a finite population, calibrated four ways,
# post-stratified, replicated. Numbers for tests/test_survey_parity.py and benchmarks/parity_survey.py.
# Run from tests/golden: Rscript scripts/parity_survey.R
suppressPackageStartupMessages(library(survey))
options(survey.adjust.domain.lonely = FALSE, survey.lonely.psu = "fail", survey.replicates.mse = TRUE)
s <- read.csv("data/rake_survey.csv")
k <- (s$id * 7) %% 45
s$session <- paste0("s", k); s$stratum <- ifelse(k < 20, "a", "b"); s$place <- ifelse(k < 20, k, k - 20)
s$units <- ifelse(k < 20, 60, 50); s$share <- ifelse(k < 20, 20 / 60, 25 / 50)
s$score <- s$trust + sin(s$id)                               # continuous, for quantiles
for (v in c("sex", "age", "ethnicity", "district", "stratum")) s[[v]] <- factor(s[[v]])
N <- 100000
P <- list(sex = c(F = .51, M = .49), age = c(`16-24` = .15, `25-44` = .34, `45-64` = .31, `65+` = .20),
  ethnicity = c(Asian = .20, Black = .06, Mixed = .04, `Not stated` = .05, White = .65),
  district = c(City = .34, East = .15, North = .20, South = .17, West = .14))
tot <- c(`(Intercept)` = N, unlist(lapply(names(P), function(v) setNames(unname(P[[v]])[-1] * N, paste0(v, names(P[[v]])[-1])))))
four <- ~sex + age + ethnicity + district
json <- function(x) {                                           # base R only
  if (is.list(x)) {
    v <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(v, collapse = ","), "]"))
    return(paste0("{", paste0('"', names(x), '":', v, collapse = ","), "}"))
  }
  v <- if (is.character(x)) paste0('"', x, '"') else ifelse(is.na(x), "null", formatC(x, digits = 17, format = "g"))
  if (length(v) == 1) v else paste0("[", paste(v, collapse = ","), "]")
}
nv <- function(x) as.list(setNames(as.numeric(x), names(x)))
d <- svydesign(id = ~session, strata = ~stratum, weights = ~base_w, data = s)
fl <- svydesign(id = ~1, weights = rep(N / nrow(s), nrow(s)), data = s)
tight <- list(maxit = 1000, epsilon = 1e-10)
pm <- lapply(names(P), function(v) setNames(data.frame(names(P[[v]]), unname(P[[v]]) * N), c(v, "Freq")))
fm <- lapply(names(P), function(v) as.formula(paste0("~", v)))
cross <- as.data.frame(xtabs(~sex + age, s)); cross$Freq <- cross$Freq * 10 + 1
D <- list(
  stratified_clustered = d,
  nested = svydesign(id = ~place, strata = ~stratum, weights = ~base_w, data = s, nest = TRUE),
  finite_counts = svydesign(id = ~session, strata = ~stratum, weights = ~base_w, fpc = ~units, data = s),
  finite_shares = svydesign(id = ~session, strata = ~stratum, weights = ~base_w, fpc = ~share, data = s),
  unclustered = svydesign(id = ~1, weights = ~base_w, data = s),
  raked = calibrate(d, four, tot, calfun = "raking", epsilon = 1e-12, maxit = 500),
  linear = calibrate(d, four, tot, calfun = "linear", epsilon = 1e-12),
  linear_bounded = calibrate(d, four, tot / N * sum(s$base_w), calfun = "linear", bounds = c(.4, 3), epsilon = 1e-12, maxit = 500),
  logit = calibrate(d, four, tot / N * sum(s$base_w), calfun = "logit", bounds = c(.3, 3), epsilon = 1e-12, maxit = 1000),
  poststratified = postStratify(d, ~sex + age, cross))
one <- function(d) {
  df <- degf(d)
  m <- svymean(~trust, d); t <- svytotal(~trust, d); z <- svyratio(~trust, ~base_w, d)
  b <- svyby(~trust, ~ethnicity, d, svymean); bt <- svyby(~trust, ~ethnicity, d, svytotal)
  br <- svyby(~trust, ~sex, denominator = ~base_w, d, svyratio); bp <- svyby(~confident, ~ethnicity, d, svymean)
  dif <- svyglm(trust ~ sex, d)
  dist <- svymean(~ethnicity, d)
  ci <- function(k) as.numeric(confint(svyciprop(~confident, d, method = k, df = degf(d))))
  q <- svyquantile(~score, d, c(.25, .5, .75), interval.type = "mean", qrule = "math", df = df)
  f1 <- svyglm(trust ~ sex + age + ethnicity, d)
  f2 <- svyglm(confident ~ sex + age, d, family = quasibinomial(), control = list(epsilon = 1e-14, maxit = 100))
  x <- svychisq(~ethnicity + confident, d); tt <- svyttest(trust ~ sex, d); r <- svyranktest(score ~ sex, d)
  list(df = df, mean = c(as.numeric(m), as.numeric(SE(m))), total = c(as.numeric(t), as.numeric(SE(t))),
    ratio = c(as.numeric(coef(z)), as.numeric(SE(z))), own_share_se = as.numeric(SE(svymean(~I(sex == "F"), d)))[2],
    by = list(levels = as.character(b$ethnicity), mean = as.numeric(coef(b)), se = as.numeric(SE(b)), total = as.numeric(coef(bt)),
      total_se = as.numeric(SE(bt)), share = as.numeric(coef(bp)), share_se = as.numeric(SE(bp))),
    by_ratio = list(ratio = as.numeric(coef(br)), se = as.numeric(SE(br))),
    difference = c(as.numeric(coef(dif))[2], as.numeric(SE(dif))[2]), distribution = list(share = as.numeric(coef(dist)), se = as.numeric(SE(dist))),
    logit = ci("logit"), beta = ci("beta"), plain = ci("mean"),
    quantile = lapply(1:3, function(i) as.numeric(q$score[i, ])),
    glm = list(coef = nv(coef(f1)), se = nv(SE(f1)), df = f1$df.residual), logistic = list(coef = nv(coef(f2)), se = nv(SE(f2)), df = f2$df.residual),
    chisq = list(f = as.numeric(x$statistic), df = as.numeric(x$parameter), p = as.numeric(x$p.value)),
    t = c(as.numeric(tt$estimate), as.numeric(SE(svyglm(trust ~ sex, d)))[2], as.numeric(tt$parameter)),
    rank = c(as.numeric(r$estimate), as.numeric(r$statistic), as.numeric(r$parameter)))
}
W <- list(rake_flat = weights(rake(fl, fm, pm, control = tight)), rake_base = weights(rake(D$unclustered, fm, pm, control = tight)),
  raked = weights(D$raked), linear = weights(D$linear), linear_bounded = weights(D$linear_bounded), logit = weights(D$logit),
  poststratified = weights(D$poststratified),
  trimmed = { g <- rake(fl, fm, pm, control = tight); weights(trimWeights(g, lower = .5 * mean(weights(g)), upper = 2 * mean(weights(g)), strict = TRUE)) })
jk <- as.svrepdesign(d, type = "JKn", mse = TRUE)
jc <- calibrate(jk, ~sex + age, c(`(Intercept)` = N, sexM = .49 * N, `age25-44` = .34 * N, `age45-64` = .31 * N, `age65+` = .20 * N), calfun = "raking", epsilon = 1e-12, maxit = 500)
rep <- function(x) { m <- svymean(~trust, x); b <- svyby(~trust, ~ethnicity, x, svymean); list(mean = c(as.numeric(m), as.numeric(SE(m))), by = list(mean = as.numeric(coef(b)), se = as.numeric(SE(b)))) }
o <- tryCatch(svyolr(factor(trust) ~ sex + age, d, control = list(reltol = 1e-16, maxit = 5000)), error = function(e) svyolr(factor(trust) ~ sex + age, d))
out <- list(meta = list(r = as.character(getRversion()), packages = list(survey = as.character(packageVersion("survey"))), input = "data/rake_survey.csv"),
  weights = lapply(W, function(x) as.numeric(x)), designs = lapply(D, one), jackknife = rep(jk), jackknife_raked = rep(jc),
  ordered = list(coef = nv(coef(o)), se = nv(SE(o))))
writeLines(json(out), "fixtures/parity_survey.json")
