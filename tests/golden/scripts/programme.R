# Reference values of the programme room: competing risks, Kaplan-Meier, kappa, rates within areas, permutation.
# Run from tests/golden: Rscript scripts/programme.R
suppressMessages({library(survival); library(psych); library(jsonlite)})
actions <- read.csv("data/programme_actions.csv")
actions$kind <- factor(actions$event, 0:3, c("open", "done", "reason", "none"))
many <- survfit(Surv(days, kind) ~ 1, data = actions)
at <- summary(many, times = c(60, 180, 365))
km <- survfit(Surv(days, event > 0) ~ 1, data = actions, conf.type = "log-log")
middle <- summary(km)$table
codes <- read.csv("data/programme_codes.csv")
agree <- cohen.kappa(codes)
stops <- read.csv("data/programme_stops.csv")
stops$group <- factor(stops$group, c("white", "black"))
stops$cell <- interaction(stops$month, stops$area)
quasi <- glm(searches ~ cell + group + offset(log(residents)), quasipoisson, stops, control = list(epsilon = 1e-14, maxit = 100))
found <- summary(quasi)
by <- aggregate(cbind(searches) ~ area + group, stops, sum)
pop <- unique(stops[c("area", "group", "residents")])
by <- merge(by, pop)
w <- reshape(by, idvar = "area", timevar = "group", direction = "wide")
N1 <- as.numeric(w$residents.black); N0 <- as.numeric(w$residents.white); a <- w$searches.black; b <- w$searches.white; N <- N1 + N0
R <- sum(a * N0 / N); S <- sum(b * N1 / N)
v <- sum((a + b) * N1 * N0 / N^2) / (R * S)
meetings <- read.csv("data/programme_meetings.csv")
y <- meetings$depth; n <- sum(meetings$model == "revised")
gap <- function(i) mean(y[i]) - mean(y[-i])
all <- combn(length(y), n, gap)
seen <- gap(which(meetings$model == "revised"))
out <- list(
  meta = list(r = as.character(getRversion()), survival = as.character(packageVersion("survival")), psych = as.character(packageVersion("psych"))),
  incidence = list(times = at$time, value = at$pstate[, 2:4], se = at$std.err[, 2:4]),
  median = list(median = unname(middle["median"]), low = unname(middle["0.95LCL"]), high = unname(middle["0.95UCL"])),
  kappa = list(value = agree$kappa, variance = agree$var.kappa),
  quasi = list(dispersion = found$dispersion, log_ratio = unname(coef(quasi)["groupblack"]), se = found$coefficients["groupblack", "Std. Error"]),
  within = list(ratio = R / S, log_se = sqrt(v)),
  permutation = list(difference = seen, p = mean(abs(all) >= abs(seen) - 1e-9), splits = length(all)),
  exact = list(binom.test(50, 200)$conf.int, binom.test(0, 27)$conf.int, binom.test(63, 200, .25, "less")$p.value)
)
write_json(out, "fixtures/programme.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
