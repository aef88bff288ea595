//! Filling the rows of one big buffer on all cores.

use std::thread;

/// Calls `fill(item, row)` for every item with its equal part of `rows`, on all cores.
///
/// The rows do not depend on the number of cores, and nor does the error: the one of the first item that failed.
///
/// # Errors
/// What `fill` returned for the first failing item; later rows may not be filled.
pub(super) fn fill<T: Sync, E: Send>(
    rows: &mut [u8],
    items: &[T],
    fill: impl Fn(&T, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    if items.is_empty() {
        return Ok(());
    }
    let row = rows.len() / items.len();
    let share = items.len().div_ceil(thread::available_parallelism().map_or(1, usize::from));
    let fill = &fill;
    let each = |rows: &mut [u8], items: &[T]| {
        items.iter().zip(rows.chunks_exact_mut(row)).try_for_each(|(item, row)| fill(item, row))
    };
    thread::scope(|scope| {
        let parts = rows.chunks_mut(share * row).zip(items.chunks(share));
        let workers: Vec<_> = parts.map(|(rows, items)| scope.spawn(move || each(rows, items))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker only panics if `fill` does"))
    })
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn every_row_is_filled_and_the_first_error_is_told() {
        let items: Vec<u8> = (0..101).collect();
        let mut rows = vec![0; 303];
        let filled: Result<(), u8> = fill(&mut rows, &items, |&item, row| {
            row.fill(item);
            Ok(())
        });
        assert_eq!(filled, Ok(()));
        assert!(rows.chunks(3).zip(&items).all(|(row, &item)| row == [item; 3]));
        assert_eq!(fill(&mut rows, &items, |&item, _| if item % 40 == 39 { Err(item) } else { Ok(()) }), Err(39));
        assert_eq!(fill(&mut [], &[], |_: &u8, _| Err(())), Ok(()));
    }
}
