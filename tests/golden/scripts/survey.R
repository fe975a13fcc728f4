# R's survey on the project's own raked sample with clusters and strata: numbers for tests/test_survey.py.
# Run from tests/golden: Rscript scripts/survey.R
suppressPackageStartupMessages({library(survey); library(jsonlite)})
options(survey.adjust.domain.lonely = FALSE, survey.lonely.psu = "fail")
s <- read.csv("data/rake_survey.csv")
s$session <- paste0("s", (s$id * 7) %% 45)
s$stratum <- ifelse((s$id * 7) %% 45 < 20, "a", "b")
s$trust2 <- s$trust
for (v in c("sex", "age", "ethnicity", "district", "stratum")) s[[v]] <- factor(s[[v]])
d <- svydesign(id = ~session, strata = ~stratum, weights = ~base_w, data = s)
T <- c(`(Intercept)` = 100000, sexM = 49000, `age25-44` = 34000, `age45-64` = 31000, `age65+` = 20000)
g <- calibrate(d, ~sex + age, T, calfun = "raking", epsilon = 1e-12, maxit = 300)
nv <- function(x) as.list(setNames(as.numeric(x), names(x)))
one <- function(d) {
  q <- svyquantile(~trust, d, c(.25, .5, .75), interval.type = "mean", qrule = "math", df = degf(d))
  m <- svymean(~trust, d); b <- svyby(~trust, ~ethnicity, d, svymean); p <- svymean(~confident, d)
  ci <- function(k) as.numeric(confint(svyciprop(~confident, d, method = k, df = degf(d))))
  f1 <- svyglm(trust ~ sex + age, d); f2 <- svyglm(confident ~ sex + age, d, family = quasibinomial(), control = list(epsilon = 1e-12, maxit = 100))
  x <- svychisq(~ethnicity + confident, d); t <- svyttest(trust ~ sex, d); r <- svyranktest(trust ~ sex, d)
  z <- svyratio(~trust, ~base_w, d); tt <- svytotal(~trust, d)
  list(mean = as.numeric(m), se = as.numeric(SE(m)), df = degf(d), by = list(est = as.numeric(coef(b)), se = as.numeric(SE(b)), names = as.character(b$ethnicity)),
    total = c(as.numeric(tt), as.numeric(SE(tt))), ratio = c(as.numeric(coef(z)), as.numeric(SE(z))),
    prop = as.numeric(p), logit = ci("logit"), beta = ci("beta"), quantile = as.numeric(coef(q)), 
    glm = list(coef = nv(coef(f1)), se = nv(SE(f1)), df = f1$df.residual), logistic = list(coef = nv(coef(f2)), se = nv(SE(f2))),
    chisq = list(f = as.numeric(x$statistic), df = as.numeric(x$parameter), p = as.numeric(x$p.value)),
    t = c(as.numeric(t$estimate), as.numeric(t$statistic), as.numeric(t$parameter)), rank = c(as.numeric(r$estimate), as.numeric(r$statistic), as.numeric(r$parameter)))
}
o <- svyolr(factor(trust) ~ sex + age, d)
jk <- as.svrepdesign(d, type = "JKn")
j <- svymean(~trust, jk)
out <- list(meta = list(r = as.character(getRversion()), packages = list(survey = as.character(packageVersion("survey"))), input = "data/rake_survey.csv"),
  plain = one(d), calibrated = one(g), olr = list(coef = nv(coef(o)), se = nv(SE(o))), jkn = c(as.numeric(j), as.numeric(SE(j))), jkn_calibrated = { gj <- calibrate(jk, ~sex + age, T, calfun = "raking", epsilon = 1e-12, maxit = 300); k <- svymean(~trust, gj); c(as.numeric(k), as.numeric(SE(k))) })
write(toJSON(out, auto_unbox = TRUE, digits = 17, pretty = TRUE), "fixtures/survey.json")
