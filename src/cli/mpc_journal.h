// What `trapeze mpc` reports of finished episodes, on disk from the end of each: one renamed file
// an episode in <folder>/journal, which a resumed run reads back. The states are in the dataset.
#ifndef TRAPEZE_CLI_MPC_JOURNAL_H
#define TRAPEZE_CLI_MPC_JOURNAL_H

#include "cli/mpc_report.h"
#include "data/writer.h"

// Makes the journal's folder and empties it, unless a run is resumed.
tz_status tz_mpc_journal_begin(const char *folder, bool resume, tz_error *error);

// Stores the rows (T) of a finished episode; call it when the dataset's writer holds the episode.
tz_status tz_mpc_journal_put(const char *folder, int episode, const tz_mpc_row *row, int T,
                             tz_step_outcome outcome, tz_error *error);

// Reads back episodes 0, 1, ... into the report and results (n_episodes), up to the first that is
// not in the journal or not with the writer; *n_done counts them.
tz_status tz_mpc_journal_read(const char *folder, const tz_writer *writer, int n_episodes,
                              tz_mpc_report *report, tz_loop_result *results, int *n_done,
                              tz_error *error);

// Removes the journal of n_episodes: all is reported.
tz_status tz_mpc_journal_remove(const char *folder, int n_episodes, tz_error *error);

#endif
