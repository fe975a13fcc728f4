# R's survey on the project's raked sample with answers missing: models and tests after raking, the calibration kept.
# Numbers for tests/statistics/survey/test_missing_answers.py. Run from tests/golden: Rscript scripts/survey_missing.R
suppressPackageStartupMessages(library(survey))
options(survey.lonely.psu = "fail")
s <- read.csv("data/rake_survey.csv")
k <- (s$id * 7) %% 45
s$session <- paste0("s", k); s$stratum <- ifelse(k < 20, "a", "b")
s$y <- ifelse(s$id %% 7 == 0, NA, s$trust)                     # the outcome is missing for one in seven
s$known <- ifelse(s$id %% 11 == 3, NA, s$sex)                  # and a covariate for one in eleven
s$high <- as.numeric(s$y > median(s$trust))
s$three <- cut(s$y, c(-Inf, quantile(s$trust, c(1/3, 2/3), type = 1), Inf), labels = FALSE)
for (v in c("sex", "age", "ethnicity", "district", "stratum", "known")) s[[v]] <- factor(s[[v]])
N <- 100000
P <- list(sex = c(F = .51, M = .49), age = c(`16-24` = .15, `25-44` = .34, `45-64` = .31, `65+` = .20))
tot <- c(`(Intercept)` = N, unlist(lapply(names(P), function(v) setNames(unname(P[[v]])[-1] * N, paste0(v, names(P[[v]])[-1])))))
d <- svydesign(id = ~session, strata = ~stratum, weights = ~base_w, data = s)
raked <- calibrate(d, ~sex + age, tot, calfun = "raking", epsilon = 1e-13, maxit = 500)
num <- function(x) if (length(x) == 1) formatC(x, digits = 17, format = "g") else
  paste0("[", paste(formatC(as.numeric(x), digits = 17, format = "g"), collapse = ", "), "]")
model <- function(m) {
  b <- coef(m); v <- vcov(m)
  w <- regTermTest(m, ~age)
  con <- svycontrast(m, list(c = c(0, 0, 1, -1, rep(0, length(b) - 4))))
  sprintf('{"params": %s, "se": %s, "df": %s, "wald_f": %s, "wald_p": %s, "contrast": %s, "contrast_se": %s}',
    num(b), num(sqrt(diag(v))), num(m$df.residual), num(as.numeric(w$Ftest)), num(as.numeric(w$p)),
    num(as.numeric(coef(con))), num(as.numeric(SE(con))))
}
one <- function(D) {
  lin <- svyglm(y ~ age + known, D)
  bin <- svyglm(high ~ age + known, D, family = quasibinomial(), control = list(epsilon = 1e-14, maxit = 100))
  t <- svyttest(y ~ known, D)
  x <- svychisq(~high + known, D)
  sprintf('{"gaussian": %s, "quasibinomial": %s, "t": {"value": %s, "t": %s, "df": %s}, "chisq": {"f": %s, "df1": %s, "df2": %s, "p": %s}}',
    model(lin), model(bin), num(as.numeric(t$estimate)), num(as.numeric(t$statistic)), num(as.numeric(t$parameter)),
    num(as.numeric(x$statistic)), num(as.numeric(x$parameter[1])), num(as.numeric(x$parameter[2])), num(as.numeric(x$p.value)))
}
ranks <- svyranktest(y ~ known, subset(d, !is.na(y) & !is.na(known)))
cat(sprintf('{"versions": "R %s, survey %s", "clustered": %s, "raked": %s, "rank": {"value": %s, "t": %s, "df": %s}}\n',
  getRversion(), packageVersion("survey"), one(d), one(raked),
  num(as.numeric(ranks$estimate)), num(as.numeric(ranks$statistic)), num(as.numeric(ranks$parameter))),
  file = "fixtures/survey_missing.json")
