// Nextflow: one process for each of params.tasks numbers; prints the sum of their squares.

process square {
  input: val number
  output: stdout

  script:
  """
  sleep 1
  printf %s \$(( $number * $number ))
  """
}

workflow {
  square(Channel.of(0..<(params.tasks as int))) | map { it as int } | sum | view
}
