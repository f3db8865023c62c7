! Calls a leased worker from Fortran: example < ENDPOINT, six lines.
program example
  use gleaner
  implicit none
  character(kind=c_char, len=256), target :: lines(6)
  type(gleaner_endpoint) :: endpoints(1)
  type(gleaner_options) :: options
  type(c_ptr) :: lease
  real(c_double), target :: numbers(1000), back(1000)
  real(c_double), pointer :: place(:)
  type(c_ptr) :: one, input
  integer(c_size_t) :: bytes
  integer :: at, port, error

  do at = 1, 6
    read (*, '(a)') lines(at)
    if (at == 3) read (lines(at), *) port
    lines(at) = trim(lines(at))//c_null_char
  end do
  endpoints(1)%worker = c_loc(lines(1))
  endpoints(1)%host = c_loc(lines(2))
  endpoints(1)%port = int(merge(port, port - 65536, port < 32768), c_int16_t)
  endpoints(1)%socket = c_loc(lines(4))
  endpoints(1)%host_id = c_loc(lines(5))
  endpoints(1)%key = c_loc(lines(6))
  if (gleaner_connect_endpoint(endpoints, 1_c_size_t, options, lease) /= gleaner_ok) error stop 1
  numbers = [(at*0.5d0, at=1, 1000)]
  if (gleaner_invoke(lease, c_loc(numbers), 8000_c_size_t, c_loc(back), 8000_c_size_t, bytes) /= &
      gleaner_ok) error stop 2
  if (bytes /= 8000 .or. any(back /= numbers)) error stop 3
  error = gleaner_invoke(lease, c_loc(lines), 4_c_size_t, c_null_ptr, 8_c_size_t, bytes)
  print '(a)', gleaner_text(gleaner_error_message(error))
  lines(1) = 'fail'
  error = gleaner_invoke(lease, c_loc(lines), 4_c_size_t, c_loc(back), 8_c_size_t, bytes)
  print '(a)', gleaner_text(gleaner_lease_message(lease))
  one = gleaner_prepare(lease, 8000_c_size_t, input)
  if (.not. c_associated(one)) error stop 4
  call c_f_pointer(input, place, [1000])
  place = numbers
  if (gleaner_wait(one) /= gleaner_ok) error stop 5
  call c_f_pointer(gleaner_call_output(one), place, [1000])
  if (any(place /= numbers)) error stop 6
  call gleaner_call_free(one)
  call gleaner_lease_close(lease)
  print '(a)', 'ok'
end program
