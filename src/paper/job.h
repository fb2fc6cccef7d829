// A run at work, for the files of this room: what the two protocols (system_job.c, robot_job.c)
// offer the loop that trains (execute.c).
#ifndef TRAPEZE_PAPER_JOB_H
#define TRAPEZE_PAPER_JOB_H

#include "paper/execute.h"
#include "train/trainer.h"

typedef struct tz_job {
    const tz_study_run *run;
    const tz_run_host *host;
    tz_study_result result; // what is known so far
    tz_model *model;        // owned
    tz_trainer *trainer;    // owned
    void *data;             // of the protocol, owned by it
} tz_job;

typedef struct tz_job_ops {
    // makes data, model and trainer
    tz_status (*open)(tz_job *job, tz_error *error);
    // measures the test columns of the result at the model's present weights
    tz_status (*measure)(tz_job *job, tz_error *error);
    // frees `data`, also after a failed open; the model still stands
    void (*close)(tz_job *job);
} tz_job_ops;

extern const tz_job_ops tz_system_job_ops, tz_robot_job_ops;

#endif
