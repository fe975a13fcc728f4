# R's estimatr on a made-up lot: differences in means within blocks, pairs and clusters, Lin's regression, the Wald ratio.
# Numbers for tests/statistics/randomisation/. Run from tests/golden: Rscript scripts/lots.R
suppressPackageStartupMessages(library(estimatr))
d <- read.csv("data/lots.csv")
num <- function(x) formatC(x, digits = 17, format = "g")
one <- function(m, term) {
  k <- if (is.null(names(m$coefficients))) 1 else match(term, names(m$coefficients))
  sprintf('{"value": %s, "se": %s, "df": %s, "p": %s, "low": %s, "high": %s}', num(m$coefficients[k]), num(m$std.error[k]),
    num(m$df[k]), num(m$p.value[k]), num(m$conf.low[k]), num(m$conf.high[k]))
}
people <- d[d$design == "people", ]; places <- d[d$design == "places", ]
pairs <- d[d$design == "pairs", ]; twins <- d[d$design == "place pairs", ]
lin <- function(data, ...) lm_lin(y ~ z, covariates = ~ earlier + block, data = data, ...)
rows <- list(
  plain = one(difference_in_means(y ~ z, people), "z"),
  blocks = one(difference_in_means(y ~ z, people, blocks = block), "z"),
  pairs = one(difference_in_means(y ~ z, pairs, blocks = block), "z"),
  clusters = one(difference_in_means(y ~ z, places, clusters = unit), "z"),
  block_clusters = one(difference_in_means(y ~ z, places, blocks = block, clusters = unit), "z"),
  cluster_pairs = one(difference_in_means(y ~ z, twins, blocks = block, clusters = unit), "z"),
  lin = one(lin(people, se_type = "HC2"), "z"),
  lin_clusters = one(lm_lin(y ~ z, covariates = ~ earlier, data = places, clusters = unit, se_type = "CR2"), "z"),
  wald = one(iv_robust(y ~ d | z, people, se_type = "HC2"), "d"),
  wald_clusters = one(iv_robust(y ~ d | z, places, clusters = unit, se_type = "CR2"), "d")
)
about <- sprintf('"r": "%s", "estimatr": "%s"', R.version.string, packageVersion("estimatr"))
body <- paste(sprintf('"%s": %s', names(rows), unlist(rows)), collapse = ",\n ")
writeLines(sprintf("{%s,\n %s}", about, body), "fixtures/lots.json")
