# CPU seconds of R's survey on the frame that benchmarks/speed_survey.py wrote: Rscript speed_survey.R FILE TASKS TIMES
suppressPackageStartupMessages(library(survey))
a <- commandArgs(trailingOnly = TRUE)
s <- read.csv(a[1], stringsAsFactors = TRUE); tasks <- strsplit(a[2], ",")[[1]]; times <- as.integer(a[3])
N <- 1e6; v <- c("sex", "age", "ethnicity", "district")
P <- list(sex = c(F = .51, M = .49), age = c(`16-24` = .15, `25-44` = .34, `45-64` = .31, `65+` = .20),
  ethnicity = c(Asian = .20, Black = .06, Mixed = .04, Other = .05, White = .65),
  district = c(City = .34, East = .15, North = .20, South = .17, West = .14))
pm <- lapply(v, function(k) setNames(data.frame(names(P[[k]]), unname(P[[k]]) * N), c(k, "Freq")))
fm <- lapply(v, function(k) as.formula(paste0("~", k)))
d <- svydesign(id = ~1, weights = rep(N / nrow(s), nrow(s)), data = s)
cpu <- function(f) min(sapply(seq_len(times), function(i) { t <- proc.time(); f(); sum((proc.time() - t)[1:2]) }))
if ("rake" %in% tasks) cat("rake", cpu(function() rake(d, fm, pm, control = list(maxit = 200, epsilon = 1e-9))), "\n")
if (any(c("means", "glm") %in% tasks)) g <- rake(d, fm, pm, control = list(maxit = 200, epsilon = 1e-9))
if ("means" %in% tasks) cat("means", cpu(function() svyby(~y, ~domain, g, svymean)), "\n")
if ("glm" %in% tasks) cat("glm", cpu(function() summary(svyglm(y ~ sex + age + ethnicity, g))), "\n")
