# The way of the data: data sets and networks → runs → records → tables. What there is to run comes from the grid.
from snakemake.utils import min_version

from bench.workflow import failures, fork_server
from bench.workflow.snakemake_report import exhibits
from bench.workflow.flow import plan

min_version("9.20")
# A grid given by --configfile replaces the default one; Snakemake would merge the two.
if not workflow.configfiles:

    configfile: f"{workflow.basedir}/configs/quick.yaml"


flow = plan(workflow, config)
failures.contained()


# What `snakemake --report` says first.
report: "bench/report/captions/workflow.rst"


onstart:
    fork_server.up(workflow, flow)


# Has no output and so always runs: prints the table and where the reports lie, fails if records have errors.
# A record that was deleted is missed even if there is a report made of it, plots even if `table` wrote the tables.
rule all:
    input:
        flow.records,
        f"{flow.report}/table.txt",
        f"{flow.benchmarks}/{flow.name}-report.tsv",
        # Only what is already there: figures of a grid whose runs all failed never will be.
        [
            report(
                each.path,
                caption=each.caption,
                category=each.category,
                labels=each.labels,
            )
            for each in exhibits(flow.grid)
        ],
    log:
        f"{flow.logs}/{flow.name}-all.log",
    localrule: True
    conda:
        "envs/bench.yaml"
    params:
        grid=flow.resolved,
    shell:
        "python -m bench.workflow.final_rule {params.grid:q} | tee {log:q}"


# `update`: what is there is not deleted when the job starts. Another clone that shares the results, or a job that
# outlived its workflow, may have written it a moment ago; then this job finds it, and has nothing to do.
rule prepare:
    output:
        update(flow.prepared("{dataset}")),
    log:
        f"{flow.logs}/prepare/{{dataset}}.log",
    benchmark:
        f"{flow.benchmarks}/prepare/{{dataset}}.tsv"
    localrule: True
    conda:
        "envs/bench.yaml"
    params:
        job=lambda wildcards: flow.preparation(wildcards.dataset),
    shell:
        "python -m bench.commands.cli prepare {params.job} > {log:q} 2>&1"


rule count:
    output:
        update(f"{flow.grid.results}/archs/{{network}}.json"),
    log:
        f"{flow.logs}/count/{{network}}.log",
    benchmark:
        f"{flow.benchmarks}/count/{{network}}.tsv"
    localrule: True
    conda:
        "envs/bench.yaml"
    params:
        job=lambda wildcards: flow.counting(wildcards.network),
    shell:
        "python -m bench.commands.cli count {params.job} > {log:q} 2>&1"


# One job is one run. Its inputs only have to exist: what determines a result is in the run's id, not in file dates.
# Stages and checkpoints lie beside the record undeclared, since Snakemake deletes the outputs of jobs that fail.
rule train:
    input:
        lambda wildcards: ancient(flow.needs(wildcards.run)),
    output:
        update(flow.record("{run}")),
    log:
        f"{flow.logs}/train/{{run}}.log",
    benchmark:
        f"{flow.benchmarks}/train/{{run}}.tsv"
    conda:
        "envs/bench.yaml"
    threads: lambda wildcards: flow.threads(wildcards.run)
    resources:
        gpu=lambda wildcards: flow.gpus(wildcards.run),
        gpu_slots=lambda wildcards: flow.slots(wildcards.run),
    params:
        spec=lambda wildcards: flow.job(wildcards.run),
    shell:
        "python -m bench.workflow.fork_client {params.spec} > {log:q} 2>&1"


# Tracking store, tables and plots in one process; `collect` and `table` do a part of it when they are called by name.
for part, option in flow.parts.items():

    rule:
        name:
            part
        input:
            flow.records,
            lambda wildcards: flow.sources,
        output:
            flow.written if part == "report" else [],
        log:
            f"{flow.logs}/{flow.name}-{part}.log",
        benchmark:
            f"{flow.benchmarks}/{flow.name}-{part}.tsv"
        localrule: True
        conda:
            "envs/bench.yaml"
        params:
            grid=flow.resolved,
            option=option,
        shell:
            # Evaluated when the rule runs: `option` itself would be that of the last turn of the loop.
            "python -m bench.commands.cli report {params.grid:q} {params.option} > {log:q} 2>&1"
