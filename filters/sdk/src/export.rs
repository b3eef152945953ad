//! The functions that a module exports.

/// Export filter `$filter` with the callbacks that it wants: `export!(Mine: on_request_headers, on_log);`.
///
/// Expands to nothing where the target is not wasm32, so that the same crate is tested natively.
#[macro_export]
macro_rules! export {
    ($filter:ty: $($callback:ident),+ $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static FILTER: $crate::Dispatcher<$filter> = const { $crate::Dispatcher::new() };
            }
            #[no_mangle]
            extern "C" fn _initialize() {}
            #[no_mangle]
            extern "C" fn proxy_abi_version_0_2_1() {}
            #[no_mangle]
            extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
                $crate::abi::allocate(size)
            }
            #[no_mangle]
            extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
                FILTER.with(|filter| filter.create(context, parent));
            }
            #[no_mangle]
            extern "C" fn proxy_on_configure(context: u32, size: usize) -> u32 {
                FILTER.with(|filter| filter.configure(&$crate::abi::Envoy, context, size)).into()
            }
            #[no_mangle]
            extern "C" fn proxy_on_delete(context: u32) {
                FILTER.with(|filter| filter.delete(context));
            }
            $($crate::export!(@ $callback);)+
        };
    };
    (@ on_request_headers) => {
        #[no_mangle]
        extern "C" fn proxy_on_request_headers(context: u32, _count: u32, _end: u32) -> u32 {
            FILTER.with(|filter| filter.request_headers(&$crate::abi::Envoy, context)) as u32
        }
    };
    (@ on_response_headers) => {
        #[no_mangle]
        extern "C" fn proxy_on_response_headers(context: u32, _count: u32, _end: u32) -> u32 {
            FILTER.with(|filter| filter.response_headers(&$crate::abi::Envoy, context)) as u32
        }
    };
    (@ on_log) => {
        #[no_mangle]
        extern "C" fn proxy_on_log(context: u32) {
            FILTER.with(|filter| filter.log(&$crate::abi::Envoy, context));
        }
    };
}
