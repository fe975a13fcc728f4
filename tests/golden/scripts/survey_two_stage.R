# R's survey on a two-stage sample with finite populations at both stages: means, totals, a regression, design effects.
# Numbers for tests/statistics/survey/test_two_stage.py. Run from tests/golden: Rscript scripts/survey_two_stage.R
suppressPackageStartupMessages(library(survey))
set.seed(20260706)
psu <- rep(1:14, times = sample(3:8, 14, replace = TRUE))
d <- data.frame(stratum = ifelse(psu <= 6, "a", "b"), psu = psu)
d$ssu <- ave(seq_along(psu), psu, FUN = seq_along)
size <- sample(9:30, 14, replace = TRUE)
d$n1 <- ifelse(d$stratum == "a", 15, 40)                     # clusters in the population of the stratum
d$n2 <- size[psu]                                            # people in the population of the cluster
d$weight <- d$n1 / ifelse(d$stratum == "a", 6, 8) * d$n2 / ave(psu, psu, FUN = length)
d$y <- round(rnorm(14)[psu] + rnorm(nrow(d), 3), 4)
d$x <- round(rnorm(nrow(d)), 4)
d$high <- as.numeric(d$y > 3)
d$group <- ifelse(seq_along(psu) %% 3 == 0, "p", "q")
write.csv(d, "data/two_stage.csv", row.names = FALSE)
two <- svydesign(id = ~psu + ssu, strata = ~stratum, fpc = ~n1 + n2, weights = ~weight, data = d)
one <- svydesign(id = ~psu, strata = ~stratum, fpc = ~n1, weights = ~weight, data = d)
none <- svydesign(id = ~psu, strata = ~stratum, weights = ~weight, data = d)
num <- function(x) paste0("[", paste(formatC(as.numeric(x), digits = 17, format = "g"), collapse = ", "), "]")
all <- function(D) {
  m <- svymean(~y, D, deff = "replace"); h <- svymean(~high, D, deff = "replace"); t <- svytotal(~y, D)
  b <- svyby(~y, ~group, D, svymean, deff = "replace"); g <- svyglm(y ~ x, D)
  sprintf('{"mean": %s, "mean_se": %s, "mean_deff": %s, "share_se": %s, "share_deff": %s, "total": %s, "total_se": %s, "by": %s, "by_se": %s, "by_deff": %s, "slope": %s, "slope_se": %s, "df": %s}',
    num(coef(m)), num(SE(m)), num(deff(m)), num(SE(h)), num(deff(h)), num(coef(t)), num(SE(t)), num(coef(b)), num(SE(b)), num(b[[grep("DEff", names(b))]]),
    num(coef(g)), num(sqrt(diag(vcov(g)))), num(degf(D)))
}
cat(sprintf('{"versions": "R %s, survey %s", "two": %s, "one": %s, "none": %s}\n', getRversion(), packageVersion("survey"),
  all(two), all(one), all(none)), file = "fixtures/survey_two_stage.json")
