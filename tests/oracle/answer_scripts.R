# Runs each script whose file is named on a line of the input, in a fork of its own: what a script
# attaches, sets or draws is gone with it. A package stays loaded, unattached, once one asked for it.
# Answers with one line, "done" or "failed"; what the script printed stands beside it in FILE.out.
input <- file("stdin", "r")
while (length(path <- readLines(input, 1)) == 1) {
  text <- paste(readLines(path), collapse = "\n")
  asked <- regmatches(text, gregexpr("(?<=library\\()[[:alnum:]]+", text, perl = TRUE))[[1]]
  for (name in asked) requireNamespace(name, quietly = TRUE)
  job <- parallel::mcparallel({
    sink(paste0(path, ".out"))
    source(path, print.eval = TRUE)
    sink()
    "done"
  })
  answer <- parallel::mccollect(job)[[1]]
  if (!identical(answer, "done")) cat(answer, file = paste0(path, ".out"))
  cat(if (identical(answer, "done")) "done\n" else "failed\n")
  flush(stdout())
}
