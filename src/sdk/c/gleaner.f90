! Fortran 2008 over libgleaner. Compile this file with the program, and link with -lgleaner.
module gleaner
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int), parameter :: gleaner_ok = 0, gleaner_running = 1, gleaner_invalid = 2, &
    gleaner_no_memory = 3, gleaner_not_granted = 4, gleaner_function_failed = 5, &
    gleaner_output_too_large = 6, gleaner_deadline = 7, gleaner_lease_lost = 8, &
    gleaner_no_worker = 9

  ! Zeros and c_null_ptr are the defaults; texts end with c_null_char.
  type, bind(c) :: gleaner_options
    type(c_ptr) :: function = c_null_ptr
    integer(c_int32_t) :: workers = 0, at_least = 0, cores = 0, memory_mb = 0, ttl_ms = 0, hot_ms = 0
    integer(c_int) :: retry = 0, transport = 0
    integer(c_int32_t) :: deadline_ms = 0, ring_bytes = 0
    type(c_ptr) :: glean = c_null_ptr
  end type

  type, bind(c) :: gleaner_endpoint
    type(c_ptr) :: worker = c_null_ptr, host = c_null_ptr
    integer(c_int16_t) :: port = 0
    type(c_ptr) :: socket = c_null_ptr, host_id = c_null_ptr, key = c_null_ptr
  end type

  interface
    integer(c_int) function gleaner_lease_open(options, lease) bind(c)
      import
      type(gleaner_options), intent(in) :: options
      type(c_ptr), intent(out) :: lease
    end function
    integer(c_int) function gleaner_connect_endpoint(endpoints, count, options, lease) bind(c)
      import
      type(gleaner_endpoint), intent(in) :: endpoints(*)
      integer(c_size_t), value :: count
      type(gleaner_options), intent(in) :: options
      type(c_ptr), intent(out) :: lease
    end function
    subroutine gleaner_lease_close(lease) bind(c)
      import
      type(c_ptr), value :: lease
    end subroutine
    integer(c_size_t) function gleaner_lease_workers(lease) bind(c)
      import
      type(c_ptr), value :: lease
    end function
    integer(c_int) function gleaner_invoke(lease, input, input_bytes, output, output_capacity, &
                                           output_bytes) bind(c)
      import
      type(c_ptr), value :: lease, input, output
      integer(c_size_t), value :: input_bytes, output_capacity
      integer(c_size_t), intent(out) :: output_bytes
    end function
    integer(c_int) function gleaner_map(lease, count, inputs, input_bytes, outputs, output_capacity, &
                                        output_bytes) bind(c)
      import
      type(c_ptr), value :: lease, inputs, outputs
      integer(c_size_t), value :: count, input_bytes, output_capacity
      integer(c_size_t), intent(out) :: output_bytes(*)
    end function
    type(c_ptr) function gleaner_submit(lease, input, input_bytes, output, output_capacity) bind(c)
      import
      type(c_ptr), value :: lease, input, output
      integer(c_size_t), value :: input_bytes, output_capacity
    end function
    type(c_ptr) function gleaner_prepare(lease, input_bytes, input) bind(c)
      import
      type(c_ptr), value :: lease
      integer(c_size_t), value :: input_bytes
      type(c_ptr), intent(out) :: input
    end function
    subroutine gleaner_send(call) bind(c)
      import
      type(c_ptr), value :: call
    end subroutine
    type(c_ptr) function gleaner_call_output(call) bind(c)
      import
      type(c_ptr), value :: call
    end function
    integer(c_int) function gleaner_poll(call) bind(c)
      import
      type(c_ptr), value :: call
    end function
    integer(c_int) function gleaner_wait(call) bind(c)
      import
      type(c_ptr), value :: call
    end function
    integer(c_size_t) function gleaner_call_output_bytes(call) bind(c)
      import
      type(c_ptr), value :: call
    end function
    subroutine gleaner_call_free(call) bind(c)
      import
      type(c_ptr), value :: call
    end subroutine
    ! gleaner_text makes a text of Fortran of these two.
    type(c_ptr) function gleaner_lease_message(lease) bind(c)
      import
      type(c_ptr), value :: lease
    end function
    type(c_ptr) function gleaner_error_message(error) bind(c)
      import
      integer(c_int), value :: error
    end function
  end interface

contains

  function gleaner_text(pointer) result(text)
    type(c_ptr), intent(in) :: pointer
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: at, length
    interface
      integer(c_size_t) function strlen(pointer) bind(c)
        import
        type(c_ptr), value :: pointer
      end function
    end interface

    length = int(strlen(pointer))
    call c_f_pointer(pointer, letters, [length])
    allocate (character(len=length) :: text)
    do at = 1, length
      text(at:at) = letters(at)
    end do
  end function
end module
