// Which of the program's flags its worker threads are started with.

/** Node's flags without those that belong to a program given on the command line (`node -e …`), which a worker's file is not. */
export function workerFlags(): string[] {
  return process.execArgv.filter((flag) => !/^(-e|-p|-pe|--eval|--print|--input-type)/.test(flag))
}
