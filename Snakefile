# The way of the data: data sets and networks → runs → records → tables. What there is to run comes from the grid.
from snakemake.utils import min_version

from bench.workflow import plan

min_version("9.20")

# A grid given by --configfile replaces the default one; Snakemake would merge the two.
if not workflow.configfiles:

    configfile: "configs/quick.yaml"


flow = plan(workflow, config)


localrules:
    all,
    prepare,
    count,
    collect,
    report,


# Has no output and so always runs: prints the table and where the reports lie, fails if records have errors.
rule all:
    input:
        f"{flow.report}/table.md",
    log:
        f"{flow.grid.results}/logs/{flow.grid.name}-all.log",
    conda:
        "envs/bench.yaml"
    params:
        grid=lambda wildcards: flow.words,
    shell:
        "python -m bench.closing {params.grid} | tee {log}"


rule prepare:
    output:
        flow.prepared("{dataset}"),
    log:
        f"{flow.grid.results}/logs/prepare/{{dataset}}.log",
    benchmark:
        f"{flow.grid.results}/benchmarks/prepare/{{dataset}}.tsv"
    conda:
        "envs/bench.yaml"
    params:
        job=lambda wildcards: flow.preparation(wildcards.dataset),
    message:
        "prepare {wildcards.dataset}"
    shell:
        "python -m bench.cli prepare {params.job} > {log} 2>&1"


rule count:
    output:
        f"{flow.grid.results}/archs/{{network}}.json",
    log:
        f"{flow.grid.results}/logs/count/{{network}}.log",
    benchmark:
        f"{flow.grid.results}/benchmarks/count/{{network}}.tsv"
    conda:
        "envs/bench.yaml"
    params:
        job=lambda wildcards: flow.counting(wildcards.network),
    message:
        "count the multiply-adds of {wildcards.network}"
    shell:
        "python -m bench.cli count {params.job} > {log} 2>&1"


# One job is one run. Its inputs only have to exist: what determines a result is in the run's id, not in file dates.
# Stages and checkpoints lie beside the record undeclared, since Snakemake deletes the outputs of jobs that fail.
rule train:
    input:
        lambda wildcards: ancient(flow.needs(wildcards.run)),
    output:
        flow.record("{run}"),
    log:
        f"{flow.grid.results}/logs/train/{{run}}.log",
    benchmark:
        f"{flow.grid.results}/benchmarks/train/{{run}}.tsv"
    conda:
        "envs/bench.yaml"
    threads: flow.grid.threads
    resources:
        gpu=min(flow.gpu_slots, 1),
        gpu_slots=min(flow.gpu_slots, 1),
    params:
        spec=lambda wildcards: flow.job(wildcards.run),
    shell:
        "python -m bench.run {params.spec} > {log} 2>&1"


# Tracking store, tables and plots, in one process.
rule report:
    input:
        flow.records,
        flow.sources,
    output:
        f"{flow.report}/table.md",
    log:
        f"{flow.grid.results}/logs/{flow.grid.name}-report.log",
    conda:
        "envs/bench.yaml"
    params:
        grid=lambda wildcards: flow.words,
    message:
        f"write {flow.report}"
    shell:
        "python -m bench.report {params.grid} > {log} 2>&1"


# A part of it, for `snakemake --cores all collect` and the like.
rule collect:
    input:
        flow.records,
    log:
        f"{flow.grid.results}/logs/{flow.grid.name}-collect.log",
    conda:
        "envs/bench.yaml"
    params:
        grid=lambda wildcards: flow.words,
    message:
        "collect the records in the tracking store"
    shell:
        "python -m bench.report {params.grid} --only collect > {log} 2>&1"
