//! A map that forgets its oldest entry when it is full: a client that loops can't fill the memory.

use std::collections::{HashMap, VecDeque};

/// Entries by random keys, none of which is ever inserted twice.
pub struct Bounded<V> {
    entries: HashMap<String, V>,
    /// Keys in the order of insertion. A removed one keeps its place until it is the oldest.
    order: VecDeque<String>,
    max: usize,
}

impl<V> Bounded<V> {
    pub fn new(max: usize) -> Bounded<V> {
        Bounded {
            entries: HashMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    /// Gives back the entry where it now is.
    pub fn insert(&mut self, key: String, value: V) -> &mut V {
        if self.order.len() >= self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.entries.entry(key).insert_entry(value).into_mut()
    }

    pub fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }

    pub fn remove(&mut self, key: &str) -> Option<V> {
        self.entries.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_gives_way() {
        let mut map = Bounded::new(2);
        for key in ["a", "b", "c"] {
            map.insert(key.to_owned(), key.to_owned());
        }
        assert_eq!((map.get("a"), map.entries.len()), (None, 2));
        assert_eq!(map.remove("c").as_deref(), Some("c"));
        map.insert("d".to_owned(), String::new());
        assert_eq!((map.order.len(), map.entries.len()), (2, 1));
    }
}
